// Chat completions that outlive their connection (docs/web-contract.md, section 5).
import { ApiError, request } from './client';
import { readEvents } from './sse';
import type { Chunk } from './types';

export interface StreamEvent {
  next: number; // number of the event after this one
  chunk: Chunk | null; // null: [DONE]
}

async function* events(response: Response, from: number): AsyncGenerator<StreamEvent> {
  let next = from;
  for await (const event of readEvents(response.body!)) {
    next = event.id === '' ? next + 1 : Number(event.id) + 1;
    if (event.data === '[DONE]') return yield { next, chunk: null };
    yield { next, chunk: JSON.parse(event.data) as Chunk };
  }
}

export async function begin(id: string, body: unknown, signal: AbortSignal): Promise<AsyncGenerator<StreamEvent>> {
  const response = await request('/v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Conversation-Id': id },
    body: JSON.stringify(body),
    signal,
  });
  return events(response, 0);
}

export async function resume(id: string, from: number, signal: AbortSignal): Promise<AsyncGenerator<StreamEvent>> {
  const response = await request(`/v1/stream?conv_id=${encodeURIComponent(id)}&from=${from}`, { signal });
  return events(response, from);
}

const kCancelTries = 3;
const kCancelEveryMs = 400;

// Stops generation. A stream that is not there has stopped already, or has not been begun yet by a
// request that is on its way.
export async function cancel(id: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await request(`/v1/stream?conv_id=${encodeURIComponent(id)}`, { method: 'DELETE', keepalive: true });
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404 || tries >= kCancelTries) return;
    }
    await new Promise((go) => setTimeout(go, kCancelEveryMs));
  }
}

export async function endThinking(requestId: string): Promise<void> {
  await request(`/v1/requests/${encodeURIComponent(requestId)}/end_thinking`, { method: 'POST' });
}
