// Replies in the making: asked, followed over lost connections, stopped.
import { SvelteMap } from 'svelte/reactivity';
import { ApiError } from '../api/client';
import { chatBody } from '../api/chat_request';
import * as streams from '../api/streams';
import { t } from '../i18n/index.svelte';
import * as chats from './chats.svelte';
import { newId } from './ids';
import { withinContext } from './fields';
import { refreshUploads } from './uploads';
import { applyChunk, applyFarewell, newLive, settle, statsToGoOn, type Live } from './reply';
import { noticeFailure, server, whenUp } from './server.svelte';
import { settings } from './settings.svelte';
import { pathTo } from './tree';
import type { Conversation, Message, Params } from './types';
import { announce } from './ui.svelte';

const kSaveEveryMs = 1000;
const kReconnectMs = 500;
const kFarewellMs = 5000; // a reply that was stopped may tell its figures for so long

interface Run {
  live: Live;
  stop: () => void;
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
  const params = withinContext(effectiveParams(conv), server.info);
  const options = { model: server.info?.model ?? '', system: conv.system, params, continued };
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
  message.stats = statsToGoOn(message.stats);
  await run(conv, message, true);
}

// The same reply again, after an error.
export async function retry(conv: Conversation, message: Message): Promise<void> {
  Object.assign(message, { status: 'streaming', error: undefined, text: '', think: '', stats: {} });
  await run(conv, message, false);
}

async function run(conv: Conversation, message: Message, continued: boolean): Promise<void> {
  const id = newId('s');
  message.stream = { id, next: 0 };
  void chats.saveMessage(message); // a reload in the first second finds the stream
  // Taken now: while files are sent, another conversation may be opened.
  const path = pathTo(chats.messages, continued ? message.id : message.parent);
  await follow(message, async (signal) => {
    const refresh = async (all: boolean) => {
      for (const changed of await refreshUploads(path, all, signal)) await chats.saveMessage(changed);
    };
    const ask = () => streams.begin(id, bodyFor(conv, path, continued), signal);
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
  void follow(message, (signal) => streams.resume(stream.id, stream.next, signal), true);
}

type Source = (signal: AbortSignal) => Promise<AsyncGenerator<streams.StreamEvent>>;

// A stream that is being read into a message.
interface Reading {
  message: Message;
  stream: NonNullable<Message['stream']>;
  live: Live;
  abort: AbortController;
  begun: boolean; // the server has the request
  stopped: boolean; // by the user: words that come still are not wanted
}

async function follow(message: Message, first: Source, resumed = false): Promise<void> {
  const live = $state(newLive(message, resumed));
  const reading: Reading = { message, stream: message.stream!, live, abort: new AbortController(), begun: false, stopped: false };
  const saving = setInterval(() => void chats.saveMessage(message), kSaveEveryMs);
  const leave = () => {
    clearInterval(saving);
    runs.delete(message.id);
    chats.writing.delete(message.id);
    chats.live.delete(message.id);
  };
  const stop = () => {
    reading.stopped = true;
    message.status = 'stopped';
    message.stats.stopReason = 'cancelled';
    leave();
    void keep(message);
    void streams.cancel(reading.stream.id).catch(noticeFailure);
    if (reading.begun) setTimeout(() => reading.abort.abort(), kFarewellMs);
    else reading.abort.abort();
  };
  runs.set(message.id, { live, stop });
  chats.live.set(message.id, message);
  chats.writing.add(message.id);
  announce(t('say.thinking'));
  try {
    let source = first;
    while (!(await read(reading, source))) {
      if (reading.begun) source = (signal) => streams.resume(reading.stream.id, reading.stream.next, signal);
    }
    if (!reading.stopped) announce(message.status === 'error' ? t('say.error') : t('say.ready'));
  } catch (error) {
    if (!reading.stopped) fail(message, error);
  } finally {
    if (!reading.stopped) leave();
    // What was stopped may be going on already, with another stream.
    if (message.stream === reading.stream) await keep(message);
  }
}

async function keep(message: Message): Promise<void> {
  if (!chats.isKept(message)) return;
  await chats.saveMessage(message);
  const conv = chats.chats.list.get(message.conv);
  if (conv) await chats.save(conv);
}

// True: the reply is whole. False: the connection was lost, or the key was missing, and the server is
// there again.
async function read(reading: Reading, source: Source): Promise<boolean> {
  const { message, stream, live } = reading;
  const { signal } = reading.abort;
  try {
    const events = await source(signal);
    reading.begun = true;
    for await (const { next, chunk } of events) {
      live.waiting = false;
      stream.next = next;
      if (reading.stopped) {
        if (message.stream === stream) applyFarewell(message, chunk);
        if (chunk === null) return true;
        continue;
      }
      if (chunk === null) {
        settle(message, live);
        return true;
      }
      applyChunk(message, live, chunk, Date.now());
    }
  } catch (error) {
    const status = error instanceof ApiError ? error.status : -1;
    // Whether a request that got no answer has arrived is not known: its stream is asked for.
    if (status === 0 || error instanceof TypeError) reading.begun = true;
    else if (status === 401) noticeFailure(error);
    else throw error;
  }
  live.waiting = true;
  await new Promise((resolve) => setTimeout(resolve, kReconnectMs));
  await whenUp(signal);
  return false;
}

function fail(message: Message, error: unknown): void {
  const heard = message.text !== '' || message.think !== '';
  if (error instanceof ApiError && error.code === 'stream_not_found') {
    // The server has been started anew, or has let go of the stream long after its end.
    message.stats.stopReason = 'lost';
    message.status = heard ? 'stopped' : 'error';
    if (!heard) message.error = { code: 'lost', message: '' };
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
  runs.get(id)?.stop();
}

export function stopAll(conv: string | null): void {
  for (const [id, message] of Array.from(chats.live)) if (message.conv === conv) stop(id);
}

export async function answerNow(id: string): Promise<void> {
  const requestId = liveOf(id)?.requestId;
  if (requestId) await streams.endThinking(requestId).catch(noticeFailure);
}
