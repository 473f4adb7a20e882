// Conversations as a file, with the bytes of their attachments, and back.
import * as chats from './chats.svelte';
import { blobOf } from './blobs';
import { allConversations, messagesOf, putAll, putBlob } from './db';
import { kFields } from './fields';
import type { Archive, Conversation, Message, Params, Part } from './types';

function base64(bytes: ArrayBuffer): string {
  const view = new Uint8Array(bytes);
  let text = '';
  for (let i = 0; i < view.length; i += 0x8000) text += String.fromCharCode(...view.subarray(i, i + 0x8000));
  return btoa(text);
}

function bytesOf(text: string): ArrayBuffer {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}

export async function makeArchive(ids: string[]): Promise<Archive> {
  const wanted = new Set(ids);
  const archive: Archive = { format: 'glmv-conversations', v: 1, exported: Date.now(), conversations: [], blobs: {} };
  for (const id of ids) await chats.bringAway(id);
  for (const { version: _version, unsent: _unsent, away: _away, ...conv } of await allConversations()) {
    if (!wanted.has(conv.id)) continue;
    const msgs = await messagesOf(conv.id);
    archive.conversations.push({ conv, msgs });
    for (const part of msgs.flatMap((message) => message.parts)) {
      if (archive.blobs[part.sha256]) continue;
      const blob = await blobOf(part);
      if (blob) archive.blobs[part.sha256] = { mime: blob.mime, base64: base64(blob.bytes) };
    }
  }
  return archive;
}

function save(name: string, archive: Archive): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(archive)], { type: 'application/json' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function fileName(title: string): string {
  const words = title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '').slice(0, 40);
  return `glmv-${words || 'conversation'}.json`;
}

export async function exportOne(id: string): Promise<void> {
  save(fileName(chats.chats.list.get(id)?.title ?? ''), await makeArchive([id]));
}

export async function exportAll(): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  save(`glmv-conversations-${day}.json`, await makeArchive(Array.from(chats.chats.list.keys())));
}

// Why a file is no archive.
export class ImportError extends Error {
  constructor(readonly rule: 'json' | 'format' | 'conversation' | 'message') {
    super(rule);
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const kKinds = ['image', 'video', 'doc', 'text'];
function isPart(part: Part | null): boolean {
  return typeof part === 'object' && part !== null && kKinds.includes(part.kind) && isText(part.name) && isText(part.sha256);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Those that are what the panel sets; others are left out.
function paramsOf(raw: unknown): Params {
  const params: Params = {};
  if (!isObject(raw)) return params;
  for (const { name } of kFields) if (isNumber(raw[name])) params[name] = raw[name];
  if (Array.isArray(raw.stop)) params.stop = raw.stop.filter(isText);
  if (raw.thinking === 'on' || raw.thinking === 'off') params.thinking = raw.thinking;
  return params;
}

// What does not fit the types is refused, so that no screen meets it later.
function checked(raw: unknown): Archive {
  const archive = raw as Archive;
  if (archive?.format !== 'glmv-conversations' || archive.v !== 1 || !Array.isArray(archive.conversations)) {
    throw new ImportError('format');
  }
  for (const { conv, msgs } of archive.conversations) {
    const fits = isText(conv?.id) && isText(conv.title) && isNumber(conv.created) && isNumber(conv.updated) && Array.isArray(msgs);
    if (!fits) throw new ImportError('conversation');
    for (const message of msgs) {
      const whole =
        isText(message?.id) && message.conv === conv.id && (message.parent === null || isText(message.parent)) &&
        (message.role === 'user' || message.role === 'assistant') && isText(message.text) && Array.isArray(message.parts) && message.parts.every(isPart);
      if (!whole) throw new ImportError('message');
    }
  }
  return archive;
}

function completed(conv: Conversation, msgs: Message[]): { conv: Conversation; msgs: Message[] } {
  return {
    conv: { ...conv, version: chats.plain(conv.id)?.version, unsent: true, away: undefined, named: Boolean(conv.named), pinned: Boolean(conv.pinned), leaf: isText(conv.leaf) ? conv.leaf : null, params: paramsOf(conv.params), system: isText(conv.system) ? conv.system : '' },
    msgs: msgs.map((message) => ({
      ...message,
      think: isText(message.think) ? message.think : '',
      stats: isObject(message.stats) ? message.stats : {},
      error: isText(message.error?.code) && isText(message.error.message) ? message.error : undefined,
      status: message.status === 'streaming' ? 'stopped' : (message.status ?? 'done'),
      created: message.created ?? conv.created,
    })),
  };
}

// The number of conversations that were taken. One that is here already is replaced only by a newer one.
export async function importArchive(text: string): Promise<number> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new ImportError('json');
  }
  const archive = checked(raw);
  for (const [sha256, blob] of Object.entries(archive.blobs ?? {})) {
    await putBlob({ sha256, mime: blob.mime, bytes: bytesOf(blob.base64) });
  }
  let taken = 0;
  for (const each of archive.conversations) {
    const mine = chats.chats.list.get(each.conv.id);
    if (mine && mine.updated >= each.conv.updated) continue;
    const { conv, msgs } = completed(each.conv, each.msgs);
    await putAll(conv, msgs);
    chats.adopt(conv);
    taken++;
  }
  return taken;
}
