// Replies in the making: asked, followed over lost connections, stopped.
import { SvelteMap } from 'svelte/reactivity';
import { ApiError } from '../api/client';
import { chatBody } from '../api/chat_request';
import * as streams from '../api/streams';
import { t } from '../i18n/index.svelte';
import * as chats from './chats.svelte';
import { newId } from './ids';
import { refreshUploads } from './uploads';
import { applyChunk, newLive, settle, type Live } from './reply';
import { noticeFailure, server, whenUp } from './server.svelte';
import { settings } from './settings.svelte';
import { pathTo } from './tree';
import type { Conversation, Message, Params } from './types';
import { announce } from './ui.svelte';

const kSaveEveryMs = 1000;
const kReconnectMs = 500;

interface Run {
  live: Live;
  stop: AbortController;
}
export const runs = new SvelteMap<string, Run>();

export function liveOf(id: string): Live | undefined {
  return runs.get(id)?.live;
}
export function isBusy(conv: string | null): boolean {
  for (const id of runs.keys()) if (chats.live.get(id)?.conv === conv) return true;
  return false;
}

export function effectiveParams(conv: Conversation): Params {
  return { ...$state.snapshot(settings.params), ...$state.snapshot(conv.params) };
}

function bodyFor(conv: Conversation, path: Message[], continued: boolean): Record<string, unknown> {
  const options = { model: server.info?.model ?? '', system: conv.system, params: effectiveParams(conv), continued };
  return chatBody($state.snapshot(path) as Message[], options);
}

// A new reply below the user's message `parent`.
export async function reply(conv: Conversation, parent: string): Promise<void> {
  const message = await chats.addMessage(conv, { role: 'assistant', parent, status: 'streaming' });
  await run(conv, message, false);
}

export async function goOn(conv: Conversation, message: Message): Promise<void> {
  message.status = 'streaming';
  message.error = undefined;
  await run(conv, message, true);
}

// The same reply again, after an error.
export async function retry(conv: Conversation, message: Message): Promise<void> {
  Object.assign(message, { status: 'streaming', error: undefined, text: '', think: '', stats: {} });
  await run(conv, message, false);
}

async function run(conv: Conversation, message: Message, continued: boolean): Promise<void> {
  message.stream = { id: newId('s'), next: 0 };
  // Taken now: while files are sent, another conversation may be opened.
  const path = pathTo(chats.messages, continued ? message.id : message.parent);
  await follow(message, async (signal) => {
    const refresh = async (all: boolean) => {
      for (const changed of await refreshUploads(path, all, signal)) await chats.saveMessage(changed);
    };
    const ask = () => streams.begin(message.stream!.id, bodyFor(conv, path, continued), signal);
    await refresh(false);
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'file_not_found') throw error;
      await refresh(true);
      return ask();
    }
  });
}

// After a reload: goes on with what was being streamed.
export function recover(message: Message): void {
  if (message.status !== 'streaming' || runs.has(message.id)) return;
  const stream = message.stream;
  if (!stream) {
    message.status = 'stopped';
    void chats.saveMessage(message);
    return;
  }
  void follow(message, (signal) => streams.resume(stream.id, stream.next, signal));
}

async function follow(
  message: Message,
  first: (signal: AbortSignal) => Promise<AsyncGenerator<streams.StreamEvent>>,
): Promise<void> {
  const live = $state(newLive());
  const controller = new AbortController();
  runs.set(message.id, { live, stop: controller });
  chats.live.set(message.id, message);
  chats.writing.add(message.id);
  const saving = setInterval(() => void chats.saveMessage(message), kSaveEveryMs);
  announce(t('say.thinking'));
  try {
    let source = first;
    while (!(await read(message, live, source, controller.signal))) {
      source = (signal) => streams.resume(message.stream!.id, message.stream!.next, signal);
    }
    announce(message.status === 'error' ? t('say.error') : t('say.ready'));
  } catch (error) {
    fail(message, error);
  } finally {
    clearInterval(saving);
    runs.delete(message.id);
    chats.writing.delete(message.id);
    chats.live.delete(message.id);
    await chats.saveMessage(message);
    const conv = chats.chats.list.get(message.conv);
    if (conv) await chats.save(conv);
  }
}

// True: the reply is whole. False: the connection was lost, and the server is there again.
async function read(
  message: Message,
  live: Live,
  source: (signal: AbortSignal) => Promise<AsyncGenerator<streams.StreamEvent>>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    for await (const { next, chunk } of await source(signal)) {
      live.waiting = false;
      message.stream!.next = next;
      if (chunk === null) {
        settle(message);
        return true;
      }
      applyChunk(message, live, chunk, Date.now());
    }
  } catch (error) {
    const lost = (error instanceof ApiError && error.status === 0) || error instanceof TypeError;
    if (!lost) throw error;
  }
  live.waiting = true;
  await new Promise((resolve) => setTimeout(resolve, kReconnectMs));
  await whenUp(signal);
  return false;
}

function fail(message: Message, error: unknown): void {
  const heard = message.text !== '' || message.think !== '';
  if (error instanceof DOMException && error.name === 'AbortError') {
    message.status = 'stopped';
    message.stats.stopReason = 'cancelled';
    return;
  }
  if (error instanceof ApiError && error.code === 'stream_not_found') {
    // The server has been started anew, or has let go of the stream long after its end.
    message.stats.stopReason = 'lost';
    message.status = heard ? 'stopped' : 'error';
    if (!heard) message.error = { code: 'lost', message: t('error.lost') };
    announce(t('say.error'));
    return;
  }
  noticeFailure(error);
  message.status = 'error';
  message.error =
    error instanceof ApiError
      ? { code: error.code, message: error.message }
      : { code: 'page', message: error instanceof Error ? error.message : String(error) };
  announce(t('say.error'));
}

export function stop(id: string): void {
  const run = runs.get(id);
  const message = chats.live.get(id);
  if (!run || !message) return;
  run.stop.abort();
  if (message.stream) void streams.cancel(message.stream.id);
}

export function stopAll(conv: string | null): void {
  for (const [id, message] of chats.live) if (message.conv === conv) stop(id);
}

export async function answerNow(id: string): Promise<void> {
  const requestId = liveOf(id)?.requestId;
  if (requestId) await streams.endThinking(requestId).catch(noticeFailure);
}
