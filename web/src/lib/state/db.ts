// IndexedDB "glmv" v1: conversations, messages, and the bytes of attachments by their digest.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Conversation, Message } from './types';

export interface StoredBlob {
  sha256: string;
  mime: string;
  bytes: ArrayBuffer;
}

interface Schema extends DBSchema {
  conv: { key: string; value: Conversation };
  msg: { key: string; value: Message; indexes: { conv: string } };
  blob: { key: string; value: StoredBlob };
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;

function db(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>('glmv', 1, {
    upgrade(base) {
      base.createObjectStore('conv', { keyPath: 'id' });
      base.createObjectStore('msg', { keyPath: 'id' }).createIndex('conv', 'conv');
      base.createObjectStore('blob', { keyPath: 'sha256' });
    },
  });
  return opened;
}

export async function allConversations(): Promise<Conversation[]> {
  return (await db()).getAll('conv');
}
export async function messagesOf(conv: string): Promise<Message[]> {
  return (await db()).getAllFromIndex('msg', 'conv', conv);
}
export async function allMessages(): Promise<Message[]> {
  return (await db()).getAll('msg');
}
export async function putConversation(conv: Conversation): Promise<void> {
  await (await db()).put('conv', conv);
}
export async function putMessage(message: Message): Promise<void> {
  await (await db()).put('msg', message);
}

export async function putAll(conv: Conversation, messages: Message[]): Promise<void> {
  const tx = (await db()).transaction(['conv', 'msg'], 'readwrite');
  await Promise.all([
    tx.objectStore('conv').put(conv),
    ...messages.map((message) => tx.objectStore('msg').put(message)),
    tx.done,
  ]);
}

export async function deleteMessages(ids: string[]): Promise<void> {
  const tx = (await db()).transaction('msg', 'readwrite');
  await Promise.all([...ids.map((id) => tx.store.delete(id)), tx.done]);
}

export async function deleteConversation(id: string): Promise<void> {
  const tx = (await db()).transaction(['conv', 'msg'], 'readwrite');
  const keys = await tx.objectStore('msg').index('conv').getAllKeys(id);
  await Promise.all([
    tx.objectStore('conv').delete(id),
    ...keys.map((key) => tx.objectStore('msg').delete(key)),
    tx.done,
  ]);
}

export async function deleteEverything(): Promise<void> {
  const tx = (await db()).transaction(['conv', 'msg', 'blob'], 'readwrite');
  await Promise.all([
    tx.objectStore('conv').clear(),
    tx.objectStore('msg').clear(),
    tx.objectStore('blob').clear(),
    tx.done,
  ]);
}

export async function putBlob(blob: StoredBlob): Promise<void> {
  await (await db()).put('blob', blob);
}
export async function getBlob(sha256: string): Promise<StoredBlob | undefined> {
  return (await db()).get('blob', sha256);
}

// Removes the bytes that no message refers to any more.
export async function sweepBlobs(): Promise<void> {
  const tx = (await db()).transaction(['msg', 'blob'], 'readwrite');
  const used = new Set<string>();
  for (let cursor = await tx.objectStore('msg').openCursor(); cursor; cursor = await cursor.continue())
    for (const part of cursor.value.parts) used.add(part.sha256);
  for (const key of await tx.objectStore('blob').getAllKeys())
    if (!used.has(key)) void tx.objectStore('blob').delete(key);
  await tx.done;
}
