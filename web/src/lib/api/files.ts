// Uploads, and what the server makes of them. Pictures come with the key and are shown as blobs.
import { ApiError, authHeaders, getJson, request } from './client';
import type { FileInfo, Frames } from './types';

// XMLHttpRequest, because fetch does not tell how much has been sent.
export function upload(
  file: Blob,
  name: string,
  sha256: string,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<FileInfo> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const form = new FormData();
    form.append('file', file, name);
    call.open('POST', '/api/files');
    for (const [field, value] of Object.entries(authHeaders())) call.setRequestHeader(field, value);
    if (sha256) call.setRequestHeader('X-File-Sha256', sha256);
    call.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    call.onload = () => {
      let body: { error?: { message?: string; code?: string } } & Partial<FileInfo> = {};
      try {
        body = JSON.parse(call.responseText);
      } catch {
        // not JSON: the status says it
      }
      if (call.status >= 200 && call.status < 300) return resolve(body as FileInfo);
      reject(new ApiError(call.status, body.error?.code ?? '', body.error?.message ?? call.statusText));
    };
    call.onerror = () => reject(new ApiError(0, 'unreachable', 'The server does not answer.'));
    call.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    signal.addEventListener('abort', () => call.abort());
    call.send(form);
  });
}

export async function digest(bytes: ArrayBuffer): Promise<string> {
  // Browsers offer it on https and on this machine only; elsewhere a random name does.
  if (!crypto.subtle) return crypto.getRandomValues(new Uint8Array(32)).reduce((s, b) => s + b.toString(16).padStart(2, '0'), '');
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (b) => b.toString(16).padStart(2, '0')).join('');
}

export interface SamplingOfFrames {
  fps?: number;
  max_frames?: number;
  start?: number;
  end?: number;
}

function query(options: object): string {
  const fields = Object.entries(options).filter(([, value]) => value !== undefined);
  return fields.length ? '?' + fields.map(([k, v]) => `${k}=${v}`).join('&') : '';
}

export function frames(id: string, options: SamplingOfFrames): Promise<Frames> {
  return getJson<Frames>(`/api/files/${id}/frames${query(options)}`);
}

async function picture(path: string): Promise<Blob> {
  return (await request(path)).blob();
}
export const thumbnail = (id: string) => picture(`/api/files/${id}/thumb`);
export const pagePicture = (id: string, page: number, width?: number) =>
  picture(`/api/files/${id}/pages/${page}${query({ w: width })}`);
export const framePicture = (id: string, n: number, options: SamplingOfFrames) =>
  picture(`/api/files/${id}/frames/${n}${query(options)}`);
