// Whether the server is there, what it serves, and whether it wants a key.
import { ApiError, getJson, hasKey, request, setKey } from '../api/client';
import type { Info } from '../api/types';

export type ServerState = 'connecting' | 'up' | 'down' | 'login';

const kBackOffMs = [500, 1000, 2000, 4000, 8000, 15000];

export const server = $state<{
  state: ServerState;
  info: Info | null;
  cause: { code: string; message: string } | null; // what it says; null: it says nothing
  attempt: number;
  retryAt: number; // time of the next try, ms
  keyRefused: boolean;
}>({ state: 'connecting', info: null, cause: null, attempt: 0, retryAt: 0, keyRefused: false });

let timer: ReturnType<typeof setTimeout> | undefined;
let waiting: (() => void)[] = [];
const upListeners: (() => void)[] = [];

// `listener` hears each time when the server is there (again), or is another start of it.
export function onUp(listener: () => void): void {
  upListeners.push(listener);
  if (server.state === 'up') listener();
}

export async function connect(): Promise<void> {
  clearTimeout(timer);
  server.retryAt = 0;
  const signal = AbortSignal.timeout(10_000);
  try {
    if (server.state === 'down') await request('/health', { signal });
    const info = await getJson<Info>('/api/info', { signal });
    const news = server.state !== 'up' || server.info?.instance !== info.instance;
    server.info = info;
    server.state = 'up';
    if (news) for (const listener of upListeners) listener();
    server.attempt = 0;
    server.keyRefused = false;
    const resumed = waiting;
    waiting = [];
    for (const resume of resumed) resume();
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
      server.keyRefused = hasKey();
      server.state = 'login';
      return;
    }
    down(error instanceof ApiError && error.status > 0 ? { code: error.code, message: error.message } : null);
  }
}

function down(cause: typeof server.cause): void {
  server.state = 'down';
  server.cause = cause;
  const delay = kBackOffMs[Math.min(server.attempt, kBackOffMs.length - 1)]!;
  server.attempt++;
  server.retryAt = Date.now() + delay;
  clearTimeout(timer);
  timer = setTimeout(() => void connect(), delay);
}

export function logIn(key: string): Promise<void> {
  setKey(key);
  return connect();
}

// To be told of a request that got no answer, or that the key is not taken any more.
export function noticeFailure(error: unknown): void {
  if (!(error instanceof ApiError)) return;
  if (error.status === 0 && server.state === 'up') void connect();
  if (error.status === 401) {
    server.keyRefused = hasKey();
    server.state = 'login';
  }
}

// Resolves once the server answers (again); at once where it does.
export async function whenUp(signal: AbortSignal): Promise<void> {
  await connect();
  if (server.state === 'up') return;
  await new Promise<void>((resolve, reject) => {
    waiting.push(resolve);
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });
}
