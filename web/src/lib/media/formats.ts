// Formats of pictures, by their first bytes: which the server takes, which move, and which have to be
// made anew by the browser (docs/server.md has the server's list).

export type Format = 'JPEG' | 'PNG' | 'GIF' | 'BMP' | 'WebP' | 'TIFF' | 'AVIF' | 'HEIC' | '';
const kTaken: Format[] = ['JPEG', 'PNG', 'GIF', 'BMP', 'WebP', ''];
const kQuality = 0.95;

function letters(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

// '': none of those; the server will say what it makes of it.
export function formatOf(bytes: Uint8Array): Format {
  const first = letters(bytes, 0, 4);
  if (first.startsWith('\xff\xd8\xff')) return 'JPEG';
  if (first === '\x89PNG') return 'PNG';
  if (first === 'GIF8') return 'GIF';
  if (first.startsWith('BM')) return 'BMP';
  if (first === 'RIFF' && letters(bytes, 8, 12) === 'WEBP') return 'WebP';
  if (/^(?:II[*+]\0|MM\0[*+])$/.test(first)) return 'TIFF';
  if (letters(bytes, 4, 8) !== 'ftyp') return '';
  const brands = letters(bytes, 8, Math.min(64, bytes.length));
  return /avi[fs]/.test(brands) ? 'AVIF' : /hei[cmsx]|hev[cmsx]|mif1|msf1/.test(brands) ? 'HEIC' : '';
}

// The first of two frames of a GIF is followed by another image (0x2c).
function isMovingGif(bytes: Uint8Array): boolean {
  const table = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  const behindBlocks = (at: number) => {
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1;
    return at + 1;
  };
  let images = 0;
  for (let at = 13 + table(bytes[10] ?? 0); at < bytes.length; ) {
    if (bytes[at] === 0x21) at = behindBlocks(at + 2);
    else if (bytes[at] !== 0x2c) return false;
    else {
      if (++images === 2) return true;
      at = behindBlocks(at + 10 + table(bytes[at + 9] ?? 0) + 1);
    }
  }
  return false;
}

function isMovingPng(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 8 <= bytes.length; at += view.getUint32(at) + 12) {
    const type = letters(bytes, at + 4, at + 8);
    if (type === 'acTL') return true;
    if (type === 'IDAT') return false;
  }
  return false;
}

// Of a picture that moves, models are shown the first frame.
export function isMoving(bytes: Uint8Array): boolean {
  switch (formatOf(bytes)) {
    case 'GIF':
      return isMovingGif(bytes);
    case 'PNG':
      return isMovingPng(bytes);
    case 'WebP':
      return letters(bytes, 12, 16) === 'VP8X' && (bytes[20]! & 2) !== 0;
    case 'AVIF':
      return letters(bytes, 8, 12) === 'avis';
    default:
      return false;
  }
}

async function madeAnew(content: ArrayBuffer, mime: string): Promise<Blob | null> {
  try {
    const bitmap = await createImageBitmap(new Blob([content], { type: mime }));
    const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
    bitmap.close();
    // Browsers that write no WebP give PNG.
    return await new Promise((done) => canvas.toBlob(done, 'image/webp', kQuality));
  } catch {
    return null;
  }
}

export interface Takeable {
  content: ArrayBuffer;
  mime: string;
  moving: boolean;
}

// A picture as the server takes it; else the format that neither it nor this browser reads.
export async function takeable(content: ArrayBuffer, mime: string): Promise<Takeable | Format> {
  const bytes = new Uint8Array(content);
  const format = formatOf(bytes);
  const moving = isMoving(bytes);
  if (kTaken.includes(format)) return { content, mime, moving };
  const made = await madeAnew(content, mime || `image/${format.toLowerCase()}`);
  return made ? { content: await made.arrayBuffer(), mime: made.type, moving } : format;
}
