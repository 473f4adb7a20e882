// With --store the server keeps conversations too: newer ones are fetched at the start, changed ones
// sent a second after their last change.
import { ApiError, getJson, request } from '../api/client';
import { adopt, chats, watchChanges } from './chats.svelte';
import { allConversations, messagesOf, putAll } from './db';
import { server } from './server.svelte';
import type { Conversation, Message } from './types';

const kQuietMs = 1000;
type Listed = Pick<Conversation, 'id' | 'title' | 'created' | 'updated' | 'pinned'>;
type Stored = { conv: Conversation; msgs: Message[] };

const timers = new Map<string, ReturnType<typeof setTimeout>>();

async function send(id: string): Promise<void> {
  timers.delete(id);
  const path = `/api/conversations/${id}`;
  const conv = (await allConversations()).find((each) => each.id === id);
  if (!conv) {
    await request(path, { method: 'DELETE' });
    return;
  }
  const body: Stored = { conv, msgs: await messagesOf(id) };
  await request(path, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

export async function startStore(): Promise<void> {
  for (let tries = 0; tries < 50 && server.info === null; tries++) await new Promise((go) => setTimeout(go, 100));
  if (!server.info?.store) return;
  watchChanges((id) => {
    clearTimeout(timers.get(id));
    timers.set(id, setTimeout(() => void send(id).catch(() => {}), kQuietMs));
  });
  try {
    const { data } = await getJson<{ data: Listed[] }>('/api/conversations');
    for (const listed of data) {
      const mine = chats.list.get(listed.id);
      if (mine && mine.updated >= listed.updated) continue;
      const { conv, msgs } = await getJson<Stored>(`/api/conversations/${listed.id}`);
      await putAll(conv, msgs);
      adopt(conv);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
