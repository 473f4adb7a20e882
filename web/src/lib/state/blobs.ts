// Bytes of attachments: in this browser, and with --store on the server too.
import { ApiError, request } from '../api/client';
import * as db from './db';
import { server } from './server.svelte';
import type { Part } from './types';

const pathOf = (sha256: string) => `/api/blobs/${sha256}`;
const there = new Set<string>(); // that the server is known to have

export async function blobOf(part: Part): Promise<db.StoredBlob | undefined> {
  const mine = await db.getBlob(part.sha256);
  if (mine || !server.info?.store) return mine;
  try {
    const response = await request(pathOf(part.sha256));
    const blob = { sha256: part.sha256, mime: part.mime, bytes: await response.arrayBuffer() };
    there.add(part.sha256);
    await db.putBlob(blob);
    return blob;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

async function has(sha256: string): Promise<boolean> {
  try {
    await request(pathOf(sha256), { method: 'HEAD' });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

export async function sendBlobs(parts: Part[]): Promise<void> {
  for (const { sha256, mime, kind } of parts) {
    if (kind === 'text' || there.has(sha256)) continue;
    const blob = await db.getBlob(sha256);
    if (!blob) continue;
    try {
      if (!(await has(sha256))) {
        await request(pathOf(sha256), { method: 'PUT', headers: { 'Content-Type': mime || blob.mime }, body: blob.bytes });
      }
    } catch (error) {
      // Where this browser cannot compute digests (plain http from elsewhere) files have other names; a
      // file that is too large stays here.
      if (!(error instanceof ApiError) || (error.status !== 400 && error.status !== 413)) throw error;
    }
    there.add(sha256);
  }
}
