// Which files can be attached, and how many of them stand in one message.
import type { Info } from '../api/types';
import type { MediaKind } from '../state/types';

const kExtensions: Record<MediaKind, string[]> = {
  image: ['jpg', 'jpeg', 'png', 'gif', 'bmp', 'webp', 'avif', 'tif', 'tiff', 'heic', 'heif'],
  video: ['mp4', 'avi', 'mkv', 'mov', 'wmv', 'flv', 'webm', 'mpeg', 'mpg', 'm4v'],
  doc: ['pdf', 'ppt', 'pptx', 'odp'],
  text: ['txt', 'md', 'csv', 'tsv', 'json', 'jsonl', 'yaml', 'yml', 'toml', 'xml', 'html', 'css', 'js', 'ts', 'svelte', 'py', 'c', 'cc', 'cpp', 'h', 'hpp', 'rs', 'go', 'java', 'kt', 'sh', 'sql', 'tex', 'log', 'ini', 'diff', 'patch'],
};
// Known, so that what is wrong with them can be said; few browsers can read them (formats.ts).
const kNotOffered = ['tif', 'tiff', 'heic', 'heif'];
export const kMaxTextBytes = 1_000_000;

export function kindOf(name: string, mime: string): MediaKind | null {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  for (const [kind, extensions] of Object.entries(kExtensions))
    if (extensions.includes(extension)) return kind as MediaKind;
  if (mime.startsWith('image/')) return mime === 'image/svg+xml' ? null : 'image';
  if (mime.startsWith('video/')) return 'video';
  if (mime === 'application/pdf') return 'doc';
  return mime.startsWith('text/') ? 'text' : null;
}

export function acceptList(kinds: MediaKind[]): string {
  const offered = kinds.flatMap((kind) => kExtensions[kind]).filter((extension) => !kNotOffered.includes(extension));
  return offered.map((extension) => `.${extension}`).join(',');
}

export type Refusal =
  | { rule: 'type' | 'mix' | 'empty' }
  | { rule: 'format'; format: string }
  | { rule: 'images' | 'videos' | 'docs'; most: number }
  | { rule: 'size'; most: number }
  | { rule: 'capability'; kind: MediaKind };

// Why a file cannot join those that are attached; null: it can.
export function refusal(
  kind: MediaKind | null,
  bytes: number,
  attached: MediaKind[],
  info: Info | null,
): Refusal | null {
  if (kind === null) return { rule: 'type' };
  if (bytes === 0) return { rule: 'empty' };
  if (kind === 'text') return bytes > kMaxTextBytes ? { rule: 'size', most: kMaxTextBytes } : null;
  if (!info) return null; // the server will say
  const { capabilities, limits } = info;
  if (!capabilities[kind]) return { rule: 'capability', kind };
  const most = Math.min(limits.file_bytes, limits[`${kind}_bytes`]);
  if (bytes > most) return { rule: 'size', most };
  const media = attached.filter((other) => other !== 'text');
  if (!capabilities.mix && media.some((other) => other !== kind)) return { rule: 'mix' };
  const rule = `${kind}s` as 'images' | 'videos' | 'docs';
  const count = media.filter((other) => other === kind).length;
  return count >= limits[rule] ? { rule, most: limits[rule] } : null;
}

export function markdownLanguage(name: string): string {
  return /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? '';
}
