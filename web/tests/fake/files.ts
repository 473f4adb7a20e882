// Uploads of the fake server: kind and size from the first bytes, pictures drawn.
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { page, scene } from './png';

export interface FakeFile {
  id: string;
  kind: string;
  name: string;
  bytes: number;
  sha256: string;
  mime: string;
  w?: number;
  h?: number;
  pages?: number;
  duration?: number;
  fps?: number;
  est_tokens: number;
  content: Buffer;
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

// The one part of a form.
export function partOf(body: Buffer, contentType: string): { name: string; content: Buffer } | null {
  const boundary = /boundary=("?)([^";]+)\1/.exec(contentType)?.[2];
  if (!boundary) return null;
  const headEnd = body.indexOf('\r\n\r\n');
  const end = body.lastIndexOf(`\r\n--${boundary}`);
  if (headEnd < 0 || end < headEnd) return null;
  const head = body.subarray(0, headEnd).toString('utf8');
  const name = /filename="((?:[^"\\]|\\.)*)"/.exec(head)?.[1] ?? 'file';
  return { name, content: body.subarray(headEnd + 4, end) };
}

const kMostBytes = 10_485_760;

export type Refusal = { http: number; code: string; message: string };

export function inspect(name: string, content: Buffer): FakeFile | Refusal {
  const base = {
    id: 'f_' + randomBytes(16).toString('hex'), name, bytes: content.length, content,
    sha256: createHash('sha256').update(content).digest('hex'),
  };
  const refused = (http: number, code: string, message: string) => ({ http, code, message });
  if (content.length === 0) return refused(422, 'media_decode_failed', 'The file is empty.');
  if (content.length > kMostBytes) return refused(413, 'file_too_large', 'Files of at most 10 MiB are taken.');
  const hex = content.subarray(0, 8).toString('hex');
  if (hex.startsWith('89504e47')) {
    if (content.length < 33) return refused(422, 'media_decode_failed', 'Not a whole PNG.');
    const w = content.readUInt32BE(16);
    const h = content.readUInt32BE(20);
    return { ...base, kind: 'image', mime: 'image/png', w, h, est_tokens: Math.ceil((w * h) / 784) };
  }
  if (hex.startsWith('ffd8ff')) return { ...base, kind: 'image', mime: 'image/jpeg', w: 640, h: 400, est_tokens: 330 };
  if (hex.startsWith('47494638')) {
    const [w, h] = [content.readUInt16LE(6), content.readUInt16LE(8)];
    return { ...base, kind: 'image', mime: 'image/gif', w, h, est_tokens: Math.ceil((w * h) / 784) };
  }
  if (content.subarray(8, 12).toString() === 'WEBP') return { ...base, kind: 'image', mime: 'image/webp', w: 640, h: 400, est_tokens: 330 };
  if (content.subarray(0, 5).toString() === '%PDF-') {
    const pages = content.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 1;
    return { ...base, kind: 'doc', mime: 'application/pdf', w: 595, h: 842, pages, est_tokens: Math.min(pages, 60) * 640 };
  }
  if (hex.startsWith('504b0304') && /\.(pptx|odp)$/i.test(name))
    return { ...base, kind: 'doc', mime: 'application/vnd.ms-powerpoint', w: 960, h: 540, pages: 4, est_tokens: 4 * 660 };
  if (/^(?:1a45dfa3|52494646)/.test(hex) || content.subarray(4, 8).toString() === 'ftyp')
    return { ...base, kind: 'video', mime: 'video/webm', w: 320, h: 180, duration: 6, fps: 10, est_tokens: 900 };
  return refused(415, 'file_type_unsupported', `"${name}" is no picture, video or document.`);
}

export function thumbOf(file: FakeFile): { mime: string; content: Buffer } {
  if (file.kind === 'image') return { mime: file.mime, content: file.content };
  return { mime: 'image/png', content: file.kind === 'doc' ? page(1) : scene(320, 200) };
}

export function wireFile(file: FakeFile): object {
  const { content: _content, ...rest } = file;
  return { ...rest, expires_s: 86400 };
}

export function framesOf(file: FakeFile, query: URLSearchParams): { duration: number; frames: object[] } {
  const start = Number(query.get('start') ?? 0);
  const end = Number(query.get('end') ?? file.duration ?? 0);
  const fps = Number(query.get('fps') ?? 2);
  const most = Number(query.get('max_frames') ?? 64);
  const count = Math.max(1, Math.min(most, Math.floor((end - start) * fps)));
  const frames = Array.from({ length: count }, (_, n) => ({ n, time: start + ((end - start) * n) / count }));
  return { duration: file.duration ?? 0, frames };
}
