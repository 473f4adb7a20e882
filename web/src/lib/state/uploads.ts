// Attachments of messages on the server: sent again where it has forgotten them.
import { upload } from '../api/files';
import { blobOf } from './blobs';
import { server } from './server.svelte';
import type { Message, Part } from './types';

// The start of the server that an upload was made to.
const instanceOf = new Map<string, string>();

export function noteUpload(fileId: string): void {
  instanceOf.set(fileId, server.info?.instance ?? '');
}

async function sendAgain(part: Part, signal: AbortSignal): Promise<void> {
  const blob = await blobOf(part);
  if (!blob) return; // the server will say which one is missing
  const file = new Blob([blob.bytes], { type: blob.mime });
  const info = await upload(file, part.name, part.sha256, () => {}, signal);
  part.fileId = info.id;
  noteUpload(info.id);
}

// `all`: also those that should be there. Gives the messages whose parts have new names.
export async function refreshUploads(path: Message[], all: boolean, signal: AbortSignal): Promise<Message[]> {
  const changed = new Set<Message>();
  for (const message of path) {
    for (const part of message.parts) {
      if (part.kind === 'text') continue;
      const known = part.fileId !== undefined && instanceOf.get(part.fileId);
      const stale = known !== undefined && known !== (server.info?.instance ?? '');
      if (!all && part.fileId && !stale) continue;
      await sendAgain(part, signal);
      changed.add(message);
    }
  }
  return Array.from(changed);
}
