// What the user does with messages.
import { flushSync } from 'svelte';
import { t } from '../i18n/index.svelte';
import * as chats from './chats.svelte';
import { draftOf } from './drafts.svelte';
import { goOn, isBusy, reply, retry, stopAll } from './generate.svelte';
import { hashOf } from './router';
import type { Message } from './types';
import { toast, ui } from './ui.svelte';

// The first message, and signing in, lead to another screen: the field there takes over the focus.
let focusWanted = false;
export function wantFocus(): void {
  focusWanted = true;
}
export function takeFocus(field: HTMLElement): void {
  if (focusWanted) field.focus();
  focusWanted = false;
}

export async function sendDraft(): Promise<void> {
  const draft = draftOf(chats.chats.openId);
  const { text, parts } = draft.take();
  const isNew = chats.openConversation() === null;
  const conv = chats.openConversation() ?? chats.create();
  if (isNew) {
    wantFocus();
    await chats.open(conv.id);
    history.pushState(null, '', hashOf(conv.id));
  }
  // What is said while a reply was cut off goes on from what is there of it.
  const message = await chats.addUserMessage(conv, conv.leaf, text, parts);
  await reply(conv, message.id);
}

export async function editMessage(message: Message, text: string): Promise<void> {
  const conv = chats.openConversation();
  if (!conv || (text.trim() === '' && message.parts.length === 0)) return;
  ui.editing = null;
  handOver();
  stopAll(conv.id);
  const parts = message.parts.map((part) => ({ ...part }));
  const edited = await chats.addUserMessage(conv, message.parent, text.trim(), parts);
  await reply(conv, edited.id);
}

// False: there is none.
export function editLast(): boolean {
  const conv = chats.chats.openId;
  const last = chats.lastOf('user');
  if (!last || isBusy(conv)) return false;
  ui.editing = last.id;
  return true;
}

export async function regenerate(message: Message): Promise<void> {
  const conv = chats.openConversation();
  if (!conv || message.parent === null) return;
  handOver();
  await reply(conv, message.parent);
}

export async function continueReply(message: Message): Promise<void> {
  const conv = chats.openConversation();
  handOver();
  if (conv) await goOn(conv, message);
}

export async function tryAgain(message: Message): Promise<void> {
  const conv = chats.openConversation();
  handOver();
  if (conv) await retry(conv, message);
}

// With all that follows it; for a moment it can be taken back.
export async function remove(message: Message): Promise<void> {
  stopAll(message.conv);
  const removed = await chats.removeMessage(message.id);
  focusComposer();
  if (removed) toast(t('message.deleted'), 'info', { label: t('undo'), run: () => void chats.putBack(removed) });
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('copied'));
  } catch {
    toast(t('copyFailed'), 'error');
  }
}

export function newChat(): void {
  ui.drawer = false;
  location.hash = '#/';
  focusComposer();
}

export function focusComposer(): void {
  flushSync();
  document.getElementById('composer')?.focus();
}

// The button that was pressed goes away: the focus must not be lost with it. Without a mouse, a touch
// would open the keyboard of the screen.
export function handOver(): void {
  if (matchMedia('(hover: hover)').matches) focusComposer();
}
