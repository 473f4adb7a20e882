// What an event of a stream does to a reply. Pure, so that tests can replay streams.
import type { Chunk, Progress } from '../api/types';
import type { Message, Stats } from './types';

// What is known of a reply while it comes, and is not kept.
export interface Live {
  progress: Progress | null;
  requestId: string;
  thinkingSince: number; // 0: it has not thought yet
  waiting: boolean; // for a server that does not answer
  resumed: boolean; // after a reload: when its words came is not known
}

// `resumed`: goes on with a thought that began before.
export function newLive(message: Message, resumed = false): Live {
  return { progress: null, requestId: '', thinkingSince: message.stream?.thinkingSince ?? 0, waiting: false, resumed };
}

// Of a reply that goes on: what it has cost so far stays, how it ended does not.
export function statsToGoOn({ thinkMs, completionTokens, reasoningTokens, decodeMs }: Stats): Stats {
  return { thinkMs, completionTokens, reasoningTokens, before: { thinkMs, completionTokens, reasoningTokens, decodeMs } };
}

function sum(before: number | undefined, now: number | undefined): number | undefined {
  return now === undefined ? undefined : now + (before ?? 0);
}

function applyFigures(stats: Stats, { timings, usage }: Chunk): void {
  const before = stats.before ?? {};
  if (timings) {
    Object.assign(stats, {
      queueMs: timings.queue_ms,
      visionMs: timings.vision_ms,
      prefillMs: timings.prompt_ms,
      decodeMs: sum(before.decodeMs, timings.predicted_ms),
      ttftMs: timings.time_to_first_token_ms,
      perSecond: timings.predicted_per_second,
    });
  }
  if (usage) {
    Object.assign(stats, {
      promptTokens: usage.prompt_tokens,
      completionTokens: sum(before.completionTokens, usage.completion_tokens),
      imageTokens: usage.prompt_tokens_details?.image_tokens,
      cachedTokens: usage.prompt_tokens_details?.cached_tokens,
      reasoningTokens: sum(before.reasoningTokens, usage.completion_tokens_details?.reasoning_tokens) ?? stats.reasoningTokens,
    });
  }
}

export function applyChunk(message: Message, live: Live, chunk: Chunk, now: number): void {
  if (chunk.id) live.requestId = chunk.id;
  if (chunk.model) message.stats.model = chunk.model;
  if (chunk.prompt_progress) live.progress = chunk.prompt_progress;
  const choice = chunk.choices?.[0];
  const thought = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? '';
  const content = choice?.delta?.content ?? '';
  if (thought || content) live.progress = null;
  if (thought) {
    if (!live.thinkingSince) {
      live.thinkingSince = now - (message.stats.before?.thinkMs ?? 0);
      if (message.stream) message.stream.thinkingSince = live.thinkingSince;
    }
    message.think += thought;
    message.stats.reasoningTokens = (message.stats.reasoningTokens ?? 0) + 1;
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
  applyFigures(message.stats, chunk);
  if (chunk.error) {
    message.error = { code: chunk.error.code ?? 'error', message: chunk.error.message ?? '' };
  }
}

// The last events of a reply that was stopped (null: [DONE]): its words have ended, its figures come.
export function applyFarewell(message: Message, chunk: Chunk | null): void {
  if (chunk?.model) message.stats.model = chunk.model;
  if (chunk) applyFigures(message.stats, chunk);
  else message.stats.before = undefined;
}

// How a reply ended whose stream came to [DONE].
export function settle(message: Message, live: Live): void {
  const { stats } = message;
  // Words that came while nobody read them came at once when they were read: their number tells.
  if (live.resumed && live.thinkingSince && stats.reasoningTokens && stats.perSecond) {
    stats.thinkMs = (1000 * stats.reasoningTokens) / stats.perSecond;
  }
  stats.before = undefined;
  if (message.error) message.status = 'error';
  else message.status = stats.stopReason === 'cancelled' ? 'stopped' : 'done';
}
