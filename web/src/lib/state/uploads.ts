// Attachments on the server, which forgets them when it is started anew and a day after their last use:
// they are sent again from the bytes in this browser.
import { ApiError } from '../api/client';
import { upload } from '../api/files';
import { blobOf } from './blobs';
import { savePart } from './chats.svelte';
import { server } from './server.svelte';
import type { Message, Part } from './types';

// The start of the server that an upload was made to.
const instanceOf = new Map<string, string>();
// On their way, by their digest: the pages of a document ask all at once.
const sending = new Map<string, Promise<string>>();

export function noteUpload(fileId: string): void {
  instanceOf.set(fileId, server.info?.instance ?? '');
}

function isStale(fileId: string): boolean {
  const known = instanceOf.get(fileId);
  return known !== undefined && known !== (server.info?.instance ?? '');
}

async function send(part: Part): Promise<string> {
  const blob = await blobOf(part);
  if (!blob) throw new ApiError(404, 'file_not_found', `The bytes of ${part.name} are not in this browser.`);
  const file = new Blob([blob.bytes], { type: blob.mime });
  const info = await upload(file, part.name, part.sha256, () => {}, new AbortController().signal);
  noteUpload(info.id);
  return info.id;
}

async function sendAgain(part: Part): Promise<void> {
  let going = sending.get(part.sha256);
  if (!going) {
    going = send(part).finally(() => sending.delete(part.sha256));
    sending.set(part.sha256, going);
  }
  part.fileId = await going;
}

// Others may wait for the same upload: who leaves does not end it.
function unlessAborted(going: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const abort = () => fail(new DOMException('aborted', 'AbortError'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    going.then(done, fail);
  });
}

// What the server shows of an attachment.
export async function shownOf<T>(part: Part, ask: (id: string) => Promise<T>): Promise<T> {
  if (part.fileId && !isStale(part.fileId)) {
    try {
      return await ask(part.fileId);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
  await sendAgain(part);
  await savePart(part);
  return ask(part.fileId!);
}

// Before a request. `all`: also those that should be there. Gives the messages whose parts have new names.
export async function refreshUploads(path: Message[], all: boolean, signal: AbortSignal): Promise<Message[]> {
  const changed = new Set<Message>();
  for (const message of path) {
    for (const part of message.parts) {
      if (part.kind === 'text') continue;
      if (!all && part.fileId && !isStale(part.fileId)) continue;
      try {
        await unlessAborted(sendAgain(part), signal);
      } catch (error) {
        // The server will say which one is missing.
        if (error instanceof ApiError && error.status === 404) continue;
        throw error;
      }
      changed.add(message);
    }
  }
  return Array.from(changed);
}
