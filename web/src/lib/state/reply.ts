// What an event of a stream does to a reply. Pure, so that tests can replay streams.
import type { Chunk, Progress } from '../api/types';
import type { Message } from './types';

// What is known of a reply while it comes, and is not kept.
export interface Live {
  progress: Progress | null;
  requestId: string;
  firstTokenAt: number;
  thinkingSince: number;
  thinkingTokens: number;
  waiting: boolean; // for a server that does not answer
}

export function newLive(): Live {
  return { progress: null, requestId: '', firstTokenAt: 0, thinkingSince: 0, thinkingTokens: 0, waiting: false };
}

export function applyChunk(message: Message, live: Live, chunk: Chunk, now: number): void {
  if (chunk.id) live.requestId = chunk.id;
  if (chunk.model) message.stats.model = chunk.model;
  if (chunk.prompt_progress) live.progress = chunk.prompt_progress;
  const choice = chunk.choices?.[0];
  const thought = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? '';
  const content = choice?.delta?.content ?? '';
  if (thought || content) {
    live.progress = null;
    live.firstTokenAt ||= now;
  }
  if (thought) {
    live.thinkingSince ||= now;
    live.thinkingTokens++;
    message.think += thought;
    message.stats.thinkMs = now - live.thinkingSince;
  }
  if (content) message.text += content;
  if (choice?.finish_reason) {
    message.stats.finish = choice.finish_reason;
    if (choice.stop_reason != null) message.stats.stopReason = String(choice.stop_reason);
    if (choice.x_repetition) message.stats.stopReason = 'repetition';
    if (choice.x_restated) message.stats.restated = true;
    if (choice.x_reasoning_reclassified) message.stats.reclassified = true;
  }
  if (chunk.timings) {
    const timings = chunk.timings;
    Object.assign(message.stats, {
      queueMs: timings.queue_ms,
      visionMs: timings.vision_ms,
      prefillMs: timings.prompt_ms,
      decodeMs: timings.predicted_ms,
      ttftMs: timings.time_to_first_token_ms,
      perSecond: timings.predicted_per_second,
    });
  }
  if (chunk.usage) {
    Object.assign(message.stats, {
      promptTokens: chunk.usage.prompt_tokens,
      completionTokens: chunk.usage.completion_tokens,
      imageTokens: chunk.usage.prompt_tokens_details?.image_tokens,
      cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens,
      reasoningTokens: chunk.usage.completion_tokens_details?.reasoning_tokens,
    });
  }
  if (chunk.error) {
    message.error = { code: chunk.error.code ?? 'error', message: chunk.error.message ?? '' };
  }
}

// How a reply ended whose stream came to [DONE].
export function settle(message: Message): void {
  if (message.error) message.status = 'error';
  else message.status = message.stats.stopReason === 'cancelled' ? 'stopped' : 'done';
}
