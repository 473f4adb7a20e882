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

// A browser may have no room, or lend none (private windows). What is shown then lasts as long as the
// page; the listener is told once.
let told = false;
let tell: () => void = () => {};
export function onStorageFailure(listener: () => void): void {
  tell = listener;
}

async function tolerant<T>(run: (base: IDBPDatabase<Schema>) => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await run(await db());
  } catch {
    if (!told) tell();
    told = true;
    return otherwise;
  }
}

export function allConversations(): Promise<Conversation[]> {
  return tolerant((base) => base.getAll('conv'), []);
}
export function messagesOf(conv: string): Promise<Message[]> {
  return tolerant((base) => base.getAllFromIndex('msg', 'conv', conv), []);
}
export function allMessages(): Promise<Message[]> {
  return tolerant((base) => base.getAll('msg'), []);
}
export function putConversation(conv: Conversation): Promise<void> {
  return tolerant(async (base) => void (await base.put('conv', conv)), undefined);
}
export function putConversations(all: Conversation[]): Promise<void> {
  return tolerant(async (base) => {
    const tx = base.transaction('conv', 'readwrite');
    await Promise.all([...all.map((conv) => tx.store.put(conv)), tx.done]);
  }, undefined);
}
export function putMessage(message: Message): Promise<void> {
  return tolerant(async (base) => void (await base.put('msg', message)), undefined);
}

export function putAll(conv: Conversation, messages: Message[]): Promise<void> {
  return tolerant(async (base) => {
    const tx = base.transaction(['conv', 'msg'], 'readwrite');
    await Promise.all([
      tx.objectStore('conv').put(conv),
      ...messages.map((message) => tx.objectStore('msg').put(message)),
      tx.done,
    ]);
  }, undefined);
}

export function deleteMessages(ids: string[]): Promise<void> {
  return tolerant(async (base) => {
    const tx = base.transaction('msg', 'readwrite');
    await Promise.all([...ids.map((id) => tx.store.delete(id)), tx.done]);
  }, undefined);
}

export function deleteConversation(id: string): Promise<void> {
  return tolerant(async (base) => {
    const tx = base.transaction(['conv', 'msg'], 'readwrite');
    const keys = await tx.objectStore('msg').index('conv').getAllKeys(id);
    await Promise.all([
      tx.objectStore('conv').delete(id),
      ...keys.map((key) => tx.objectStore('msg').delete(key)),
      tx.done,
    ]);
  }, undefined);
}

export function deleteEverything(): Promise<void> {
  return tolerant(async (base) => {
    const tx = base.transaction(['conv', 'msg', 'blob'], 'readwrite');
    await Promise.all([
      tx.objectStore('conv').clear(),
      tx.objectStore('msg').clear(),
      tx.objectStore('blob').clear(),
      tx.done,
    ]);
  }, undefined);
}

export function putBlob(blob: StoredBlob): Promise<void> {
  return tolerant(async (base) => void (await base.put('blob', blob)), undefined);
}
export function getBlob(sha256: string): Promise<StoredBlob | undefined> {
  return tolerant((base) => base.get('blob', sha256), undefined);
}

// Removes the bytes that no message refers to any more.
export function sweepBlobs(): Promise<void> {
  return tolerant(async (base) => {
    const tx = base.transaction(['msg', 'blob'], 'readwrite');
    const used = new Set<string>();
    for (let cursor = await tx.objectStore('msg').openCursor(); cursor; cursor = await cursor.continue())
      for (const part of cursor.value.parts) used.add(part.sha256);
    for (const key of await tx.objectStore('blob').getAllKeys())
      if (!used.has(key)) void tx.objectStore('blob').delete(key);
    await tx.done;
  }, undefined);
}
