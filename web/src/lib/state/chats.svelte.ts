// The conversations, and the messages of the one that is open.
import { SvelteMap } from 'svelte/reactivity';
import { t } from '../i18n/index.svelte';
import * as db from './db';
import { newId } from './ids';
import { childrenOf, leafAfterDelete, pathTo, siblingIndex, subtree, titleOf, youngestLeaf } from './tree';
import type { Conversation, Message, Part } from './types';
import { toast } from './ui.svelte';

export const chats = $state<{
  list: SvelteMap<string, Conversation>;
  openId: string | null; // null: the start screen
  loading: boolean;
}>({ list: new SvelteMap(), openId: null, loading: true });

// Messages of the open conversation; each is a state of its own, so that a token redraws one.
export const messages = new SvelteMap<string, Message>();

export function openConversation(): Conversation | null {
  return (chats.openId && chats.list.get(chats.openId)) || null;
}

// Made once for all that show them: in long conversations each message asks.
const path = $derived(pathTo(messages, openConversation()?.leaf ?? null));
const siblings = $derived(siblingIndex(messages));

export function shownPath(): Message[] {
  return path;
}

// The media that a message may speak of: of the last one before it that has any.
const mediaOf = $derived.by(() => {
  const found = new Map<string, Part[]>();
  let media: Part[] = [];
  for (const message of path) {
    found.set(message.id, media);
    const own = message.parts.filter((part) => part.kind !== 'text');
    if (own.length > 0) media = own;
  }
  return found;
});
export function mediaBefore(id: string): Part[] {
  return mediaOf.get(id) ?? [];
}

export function branchOf(id: string): { ids: string[]; index: number } {
  const ids = siblings.get(id) ?? [id];
  return { ids, index: ids.indexOf(id) };
}

// Other tabs of this browser.
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('glmv');
type Note = { conv: string; gone?: true };
let onChange: (id: string) => void = () => {};

// How often each has been changed in this tab.
const edits = new Map<string, number>();
export function editsOf(id: string): number {
  return edits.get(id) ?? 0;
}

function tell(note: Note): void {
  edits.set(note.conv, editsOf(note.conv) + 1);
  channel?.postMessage(note);
  onChange(note.conv);
}
// `listener` hears of conversations that changed in this tab.
export function watchChanges(listener: (id: string) => void): void {
  onChange = listener;
}

// Messages that this tab is writing: what others have stored of them is older.
export const writing = new Set<string>();

channel?.addEventListener('message', async (event: MessageEvent<Note>) => {
  const { conv, gone } = event.data;
  if (gone) {
    chats.list.delete(conv);
    if (chats.openId === conv) {
      location.hash = '#/';
      toast(t('conv.gone'));
    }
    return;
  }
  const stored = (await db.allConversations()).find((other) => other.id === conv);
  if (!stored) return;
  const mine = chats.list.get(conv);
  if (mine) Object.assign(mine, stored, { leaf: chats.openId === conv ? mine.leaf : stored.leaf });
  else track(stored);
  if (chats.openId !== conv) return;
  await load(conv);
  // What was added below the end that is shown here is shown too; another branch is not gone to.
  const follows = mine && pathTo(messages, stored.leaf).some((message) => message.id === mine.leaf);
  if (follows || mine?.leaf === null) mine.leaf = stored.leaf;
});

function track(conv: Conversation): Conversation {
  const state = $state(conv);
  chats.list.set(conv.id, state);
  return state;
}

// One that was stored by an import.
export function adopt(conv: Conversation): void {
  track(conv);
  tell({ conv: conv.id });
}

// Those of the server's store: the other tabs hear of them by themselves.
export function adoptAll(all: Conversation[]): void {
  for (const conv of all) {
    const mine = chats.list.get(conv.id);
    if (mine) Object.assign(mine, conv);
    else track(conv);
  }
}

export function plain(id: string): Conversation | undefined {
  const conv = chats.list.get(id);
  return conv && ($state.snapshot(conv) as Conversation);
}

// The store has it as it was after so many edits; version undefined: it has none.
export async function noteSent(id: string, version: number | undefined, edit: number): Promise<void> {
  const conv = chats.list.get(id);
  if (!conv) return;
  conv.version = version;
  conv.unsent = version === undefined || editsOf(id) !== edit;
  await db.putConversation(plain(id)!);
  channel?.postMessage({ conv: id });
}

// As it is on the server, or joined with it.
export async function replace(conv: Conversation, msgs: Message[]): Promise<void> {
  const kept = new Set(msgs.map((message) => message.id));
  const dropped = (await db.messagesOf(conv.id)).map((message) => message.id).filter((id) => !kept.has(id) && !writing.has(id));
  await db.putAll(conv, msgs);
  await db.deleteMessages(dropped);
  const mine = chats.list.get(conv.id);
  if (mine) Object.assign(mine, conv);
  else track(conv);
  channel?.postMessage({ conv: conv.id });
  if (chats.openId !== conv.id) return;
  for (const id of dropped) messages.delete(id);
  await load(conv.id);
}

// How the messages of a conversation come that are on the server only.
let bring: (id: string) => Promise<void> = async () => {};
export function bringBy(how: (id: string) => Promise<void>): void {
  bring = how;
}
export async function bringAway(id: string): Promise<void> {
  if (chats.list.get(id)?.away) await bring(id);
}

export function trackMessage(message: Message): Message {
  const state = $state(message);
  messages.set(message.id, state);
  return state;
}

export async function loadList(): Promise<void> {
  for (const conv of await db.allConversations()) track(conv);
  chats.loading = false;
}

async function load(id: string): Promise<void> {
  for (const message of await db.messagesOf(id)) {
    if (chats.openId !== id) return;
    const mine = messages.get(message.id);
    if (!mine) trackMessage(message);
    else if (!writing.has(message.id)) Object.assign(mine, message);
  }
}

// False: there is no such conversation.
export async function open(id: string | null): Promise<boolean> {
  if (id !== null && !chats.list.has(id)) return false;
  if (id === chats.openId) return true;
  // What is being written stays tracked: its tokens go on to the database.
  messages.clear();
  chats.openId = id;
  if (id === null) return true;
  for (const message of live.values()) if (message.conv === id) messages.set(message.id, message);
  await load(id);
  await bringAway(id).catch(() => {}); // without the server it is shown as far as it is here
  return true;
}

// Replies in the making, of any conversation.
export const live = new Map<string, Message>();

function blank(): Conversation {
  return {
    id: newId('c'), title: '', named: false, created: 0, updated: 0, pinned: false, leaf: null,
    params: {}, system: '',
  };
}

// The conversation that begins with the next message on the start screen.
const next = $state({ conv: blank() });

// What the panel and the composer work on.
export function current(): Conversation {
  return openConversation() ?? next.conv;
}

export function create(): Conversation {
  const conv = track(next.conv);
  conv.created = conv.updated = Date.now();
  next.conv = blank();
  return conv;
}

export async function save(conv: Conversation, touched = true): Promise<void> {
  if (touched) conv.updated = Date.now();
  conv.unsent = true;
  await db.putConversation($state.snapshot(conv) as Conversation);
  tell({ conv: conv.id });
}

export async function saveMessage(message: Message): Promise<void> {
  await db.putMessage($state.snapshot(message) as Message);
}

// An attachment of a message that is shown has another name on the server.
export async function savePart(part: Part): Promise<void> {
  for (const message of messages.values()) if (message.parts.includes(part)) await saveMessage(message);
}

// Whether a message that has just been written is still wanted: it may have been deleted or read anew
// meanwhile.
export function isKept(message: Message): boolean {
  return chats.list.has(message.conv) && (chats.openId !== message.conv || messages.get(message.id) === message);
}

export async function addMessage(
  conv: Conversation,
  fields: Pick<Message, 'role' | 'parent'> & Partial<Message>,
): Promise<Message> {
  const message = trackMessage({
    id: newId('m'), conv: conv.id, text: '', think: '', parts: [], status: 'done', stats: {},
    created: Date.now(), ...fields,
  });
  conv.leaf = message.id;
  if (!conv.named && message.role === 'user' && message.parent === null) {
    conv.title = titleOf(message.text) || titleOf(message.parts[0]?.name ?? '');
  }
  conv.updated = Date.now();
  conv.unsent = true;
  await db.putAll($state.snapshot(conv) as Conversation, [$state.snapshot(message) as Message]);
  tell({ conv: conv.id });
  return message;
}

export function addUserMessage(conv: Conversation, parent: string | null, text: string, parts: Part[]): Promise<Message> {
  return addMessage(conv, { role: 'user', parent, text, parts });
}

export async function showBranch(id: string): Promise<void> {
  const conv = openConversation();
  if (!conv) return;
  conv.leaf = youngestLeaf(messages, id);
  await save(conv, false);
}

// What has been taken out of a conversation, with all below it.
export interface Removed {
  conv: string;
  leaf: string | null; // that was shown
  msgs: Message[];
}

export async function removeMessage(id: string): Promise<Removed | null> {
  const conv = openConversation();
  if (!conv) return null;
  const gone = subtree(messages, id);
  const removed: Removed = { conv: conv.id, leaf: conv.leaf, msgs: gone.map((each) => $state.snapshot(messages.get(each)!) as Message) };
  const shown = pathTo(messages, conv.leaf).some((message) => message.id === id);
  if (shown) conv.leaf = leafAfterDelete(messages, id);
  for (const each of gone) messages.delete(each);
  await db.deleteMessages(gone);
  await save(conv);
  return removed;
}

export async function putBack({ conv: id, leaf, msgs }: Removed): Promise<void> {
  const conv = chats.list.get(id);
  if (!conv) return;
  conv.leaf = leaf;
  if (chats.openId === id) for (const message of msgs) trackMessage(message);
  await db.putAll(plain(id)!, msgs);
  await save(conv);
}

// `everywhere`: in the server's store too.
export async function removeConversation(id: string, everywhere = true): Promise<void> {
  chats.list.delete(id);
  if (chats.openId === id) location.hash = '#/';
  await db.deleteConversation(id);
  await db.sweepBlobs();
  if (everywhere) tell({ conv: id, gone: true });
  else channel?.postMessage({ conv: id, gone: true });
}

export async function rename(conv: Conversation, title: string): Promise<void> {
  if (!title.trim()) return;
  conv.title = title.trim();
  conv.named = true;
  await save(conv, false);
}

export async function togglePin(conv: Conversation): Promise<void> {
  conv.pinned = !conv.pinned;
  await save(conv, false);
}

export function lastOf(role: Message['role']): Message | undefined {
  return shownPath().findLast((message) => message.role === role);
}

export function hasChildren(id: string): boolean {
  return childrenOf(messages, id).length > 0;
}
