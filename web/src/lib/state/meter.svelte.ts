// Tokens of the next request: the server's count, half a second after the last change; between
// counts, and where the server gives none, an estimate.
import { postJson } from '../api/client';
import { chatBody } from '../api/chat_request';
import { chosenPages } from '../media/pages';
import { current, shownPath } from './chats.svelte';
import type { Draft } from './drafts.svelte';
import { effectiveParams } from './generate.svelte';
import { server } from './server.svelte';
import type { Message, Params, Part } from './types';

const kQuietMs = 500;
// Letters of Latin text, and of scripts that have about a token a letter.
export function estimateTokens(text: string): number {
  const wide = text.match(/[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]/g)?.length ?? 0;
  return Math.ceil((text.length - wide) / 4 + wide * 0.8);
}

export function estimatePart(part: Part): number {
  const all = part.estTokens ?? 0;
  // Of a document, the estimate is that of as many pages as a message takes.
  if (part.kind === 'doc' && part.pages) {
    const estimated = Math.min(part.pages, server.info?.limits.doc_pages ?? part.pages);
    return (all / estimated) * Math.min(chosenPages(part).length, estimated);
  }
  if (part.kind === 'video' && part.clip && part.duration) return all * Math.min(1, (part.clip[1] - part.clip[0]) / part.duration);
  return all;
}

// The parameters that change how long a prompt is.
function costly({ max_pixels, video_fps, max_frames, thinking }: Params): unknown[] {
  return [max_pixels, video_fps, max_frames, thinking];
}

// Call inside a component.
export function tokenMeter(draft: () => Draft): { readonly tokens: number; readonly exact: boolean } {
  let exact = $state<{ of: string; tokens: number } | null>(null);
  const path = $derived(shownPath());
  const key = $derived(
    JSON.stringify([
      current().id, current().system, costly(effectiveParams(current())), path.map((m) => [m.id, m.status]), draft().text,
      draft().attachments.map((each) => [each.part.fileId, each.part.pageSel, each.part.clip]),
    ]),
  );
  const estimate = $derived.by(() => {
    let tokens = estimateTokens(current().system) + estimateTokens(draft().text);
    for (const each of draft().attachments) tokens += estimatePart(each.part);
    for (const message of path) {
      if (message.status === 'streaming') continue;
      tokens += estimateTokens(message.text) + 4;
      for (const part of message.parts) tokens += estimatePart(part);
    }
    return Math.round(tokens);
  });

  $effect(() => {
    const of = key;
    if (!draft().ready || (!draft().filled && path.length === 0)) return;
    if (server.state !== 'up' || path.some((message) => message.status === 'streaming')) return;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const conv = current();
      const message = {
        role: 'user', text: draft().text, think: '', status: 'done',
        parts: draft().attachments.map((each) => each.part),
      } as unknown as Message;
      const all = $state.snapshot(draft().filled ? [...path, message] : path) as Message[];
      const options = { model: server.info?.model ?? '', system: conv.system, params: effectiveParams(conv), continued: false };
      const { stream: _s, stream_options: _o, ...body } = chatBody(all, options);
      try {
        const answer = await postJson<{ input_tokens: number }>('/api/tokens', body, { signal: controller.signal });
        exact = { of, tokens: answer.input_tokens };
      } catch {
        // the estimate stands
      }
    }, kQuietMs);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  });

  return {
    get tokens() {
      return exact?.of === key ? exact.tokens : estimate;
    },
    get exact() {
      return exact?.of === key;
    },
  };
}
