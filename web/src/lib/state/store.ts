// With --store the server keeps conversations too (docs/web-contract.md, section 8). This browser sends
// what it has changed, and learns of others what they have; their messages come when one is opened.
import { ApiError, request } from '../api/client';
import { faultText } from '../i18n/faults';
import { t } from '../i18n/index.svelte';
import { sendBlobs } from './blobs';
import * as chats from './chats.svelte';
import { messagesOf, putConversations } from './db';
import { isBusy } from './generate.svelte';
import { merged } from './merge';
import { onUp, server } from './server.svelte';
import type { Conversation, Message } from './types';
import { toast } from './ui.svelte';

const kQuietMs = 1000; // after the last change
const kLookMs = 15_000;
const kTries = 4;
const kGone = 'glmv-store-gone';

type Listed = Pick<Conversation, 'id' | 'title' | 'created' | 'updated' | 'pinned'> & { version: number };
type Listing = { data: Listed[]; deleted: { id: string; deleted: number }[] };
type Stored = { conv: Conversation; msgs: Message[] };

const timers = new Map<string, ReturnType<typeof setTimeout>>();
let listTag = '';
let told = false;

const pathOf = (id: string) => `/api/conversations/${id}`;
const versionOf = (response: Response) => Number(response.headers.get('ETag')?.replaceAll('"', ''));

// Deleted here while the server was away.
function gone(change?: (ids: Set<string>) => void): Set<string> {
  let ids = new Set<string>();
  try {
    ids = new Set(JSON.parse(localStorage.getItem(kGone) ?? '[]') as string[]);
    change?.(ids);
    if (change) localStorage.setItem(kGone, JSON.stringify(Array.from(ids)));
  } catch {
    // nothing is remembered where nothing may be stored
  }
  return ids;
}

async function fetchStored(id: string): Promise<Stored & { version: number }> {
  const response = await request(pathOf(id));
  return { ...((await response.json()) as Stored), version: versionOf(response) };
}

async function sendAway(id: string): Promise<void> {
  gone((ids) => ids.add(id));
  await request(pathOf(id), { method: 'DELETE' });
  gone((ids) => ids.delete(id));
}

async function put(conv: Conversation, msgs: Message[], edit: number): Promise<void> {
  const { version, unsent: _unsent, away: _away, ...wire } = conv;
  const condition: Record<string, string> = version ? { 'If-Match': `"${version}"` } : { 'If-None-Match': '*' };
  const response = await request(pathOf(conv.id), {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', ...condition },
    body: JSON.stringify({ conv: wire, msgs }),
  });
  await chats.noteSent(conv.id, versionOf(response), edit);
}

async function send(id: string): Promise<void> {
  for (let tries = 0; tries < kTries; tries++) {
    const conv = chats.plain(id);
    if (!conv) return sendAway(id);
    if (!conv.unsent && conv.version !== undefined) return;
    try {
      if (conv.away) await join(id);
      const edit = chats.editsOf(id);
      const msgs = await messagesOf(id);
      await sendBlobs(msgs.flatMap((message) => message.parts));
      const now = chats.plain(id);
      if (!now || now.away) return;
      return await put(now, msgs, edit);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) await chats.noteSent(id, undefined, 0); // gone there: put as a new one
      else if (error.status === 412) await join(id);
      else return refused(error);
    }
  }
}

function refused(error: ApiError): void {
  // No answer, or not now: it is sent at the next look.
  if (error.status !== 413 && error.code !== 'storage_full') return;
  if (!told) toast(t('error.store', { why: faultText(error) }), 'error');
  told = true;
}

// What the server has and what is here, in one.
async function join(id: string): Promise<void> {
  try {
    const theirs = await fetchStored(id);
    const mine = chats.plain(id);
    if (!mine) return;
    const both = merged({ conv: mine, msgs: await messagesOf(id) }, theirs, chats.writing);
    await chats.replace({ ...both.conv, version: theirs.version, away: undefined }, both.msgs);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    if (!chats.plain(id)?.away) await chats.noteSent(id, undefined, 0);
  }
}

function schedule(id: string, afterMs: number): void {
  clearTimeout(timers.get(id));
  timers.set(id, setTimeout(() => {
    timers.delete(id);
    void send(id).catch(() => {});
  }, afterMs));
}

// Null: it is as it was.
async function fetchListing(): Promise<Listing | null> {
  try {
    const headers: Record<string, string> = listTag ? { 'If-None-Match': listTag } : {};
    const response = await request('/api/conversations', { cache: 'no-store', headers });
    const listing = (await response.json()) as Listing;
    listTag = response.headers.get('ETag') ?? '';
    return listing;
  } catch (error) {
    if (error instanceof ApiError && error.status === 304) return null;
    throw error;
  }
}

function strange(listed: Listed): Conversation {
  return { ...listed, named: true, leaf: null, params: {}, system: '', away: true };
}

async function take(listing: Listing): Promise<void> {
  const mineGone = gone();
  for (const { id, deleted } of listing.deleted) {
    const mine = chats.chats.list.get(id);
    if (mine && mine.updated <= deleted && !isBusy(id)) await chats.removeConversation(id, false);
  }
  const fresh: Conversation[] = [];
  const theirs = new Set<string>();
  for (const listed of listing.data) {
    theirs.add(listed.id);
    const mine = chats.chats.list.get(listed.id);
    if (mine?.version === listed.version || mineGone.has(listed.id)) continue;
    if (!mine) fresh.push(strange(listed));
    else if (mine.unsent) schedule(mine.id, 0);
    else if (chats.chats.openId === mine.id) await join(mine.id);
    else fresh.push({ ...chats.plain(mine.id)!, ...listed, away: true });
  }
  chats.adoptAll(fresh);
  await putConversations(fresh);
  for (const conv of Array.from(chats.chats.list.values())) {
    if (theirs.has(conv.id)) continue;
    if (conv.away) {
      await chats.removeConversation(conv.id, false);
      continue;
    }
    // Never sent, or the server has lost it.
    await chats.noteSent(conv.id, undefined, 0);
    schedule(conv.id, 0);
  }
  for (const id of mineGone) await sendAway(id);
}

let looking: Promise<void> | null = null;
export function look(): Promise<void> {
  if (!server.info?.store || server.state !== 'up') return Promise.resolve();
  looking ??= (async () => {
    const listing = await fetchListing();
    if (listing) await take(listing);
    for (const conv of chats.chats.list.values()) if (conv.unsent && !timers.has(conv.id)) schedule(conv.id, 0);
  })()
    .catch((error: unknown) => {
      listTag = '';
      if (!(error instanceof ApiError)) throw error;
    })
    .finally(() => (looking = null));
  return looking;
}

// Whether the store has a conversation that this browser did not know of.
export async function findInStore(id: string): Promise<boolean> {
  // As long as a key is asked for, nothing else is shown.
  for (let tries = 0; (tries < 50 && server.state === 'connecting') || server.state === 'login'; tries++) {
    await new Promise((go) => setTimeout(go, 100));
  }
  await look();
  return chats.chats.list.has(id);
}

// Conversations whose texts hold these words.
export async function searchStore(words: string): Promise<string[]> {
  if (!server.info?.store) return [];
  const response = await request(`/api/conversations?q=${encodeURIComponent(words)}`);
  return ((await response.json()) as { data: Listed[] }).data.map((each) => each.id);
}

export function startStore(): void {
  chats.watchChanges((id) => {
    if (server.info?.store) schedule(id, kQuietMs);
  });
  chats.bringBy(join);
  onUp(() => {
    listTag = '';
    void look();
  });
  setInterval(() => {
    if (!document.hidden) void look();
  }, kLookMs);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void look();
  });
}
