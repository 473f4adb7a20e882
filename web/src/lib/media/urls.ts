// Addresses of blobs for pictures and videos: the bytes in this browser, else the server's preview.
import { pagePicture, thumbnail } from '../api/files';
import { blobOf } from '../state/blobs';
import { shownOf } from '../state/uploads';
import type { Part } from '../state/types';

const kMost = 80;
const urls = new Map<string, Promise<string>>();

// Kept under `key`; the oldest are let go.
function cached(key: string, make: () => Promise<Blob>): Promise<string> {
  let url = urls.get(key);
  if (!url) {
    url = make().then((blob) => URL.createObjectURL(blob));
    url.catch(() => urls.delete(key));
    urls.set(key, url);
    if (urls.size > kMost) {
      const [oldest, old] = urls.entries().next().value!;
      urls.delete(oldest);
      old.then((address) => setTimeout(() => URL.revokeObjectURL(address), 60_000), () => {});
    }
  }
  return url;
}

export function contentUrl(part: Part): Promise<string> {
  return cached(`blob:${part.sha256}`, async () => {
    const stored = await blobOf(part);
    if (!stored) throw new Error('not stored');
    return new Blob([stored.bytes], { type: part.mime || stored.mime });
  });
}

export function thumbUrl(part: Part): Promise<string> {
  if (part.kind === 'image') return contentUrl(part);
  return cached(`thumb:${part.sha256}`, () => shownOf(part, thumbnail));
}

export function pageUrl(part: Part, page: number, width?: number): Promise<string> {
  return cached(`page:${part.sha256}:${page}:${width ?? 0}`, () => shownOf(part, (id) => pagePicture(id, page, width)));
}
