// The body of POST /v1/chat/completions for a path of messages.
import { replyOf, withoutMarkers } from '../parse/split_reply';
import type { Message, Params, Part } from '../state/types';

export interface RequestOptions {
  model: string;
  system: string;
  params: Params;
  // The last message is a reply to go on with.
  continued: boolean;
}

function fencedFile(part: Part): string {
  const text = part.text ?? '';
  // A fence longer than any in the file.
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), (m) => m[0].length));
  const fence = '`'.repeat(longest + 1);
  const language = /\.([a-z0-9]+)$/i.exec(part.name)?.[1]?.toLowerCase() ?? '';
  return `${part.name}\n${fence}${language}\n${text}\n${fence}`;
}

function wirePart(part: Part, params: Params): Record<string, unknown> {
  const url = `file:${part.fileId ?? ''}`;
  if (part.kind === 'image') return { type: 'image_url', image_url: { url } };
  if (part.kind === 'doc') {
    const pages = part.pageSel ? { pages: part.pageSel } : {};
    return { type: 'file', file: { file_id: part.fileId ?? '' }, ...pages };
  }
  return {
    type: 'video_url',
    video_url: { url },
    ...(part.clip ? { start: part.clip[0], end: part.clip[1] } : {}),
    ...(params.video_fps !== undefined ? { fps: params.video_fps } : {}),
    ...(params.max_frames !== undefined ? { max_frames: params.max_frames } : {}),
  };
}

// The thoughts and markers of an answer never go back; what the box held does.
export function answerForHistory(message: { text: string; think: string }): string {
  return withoutMarkers(replyOf(message, true).answer).trim();
}

function userContent(message: Message, params: Params): unknown {
  const media = message.parts.filter((part) => part.kind !== 'text');
  const files = message.parts.filter((part) => part.kind === 'text').map(fencedFile);
  const text = [...files, message.text].filter((piece) => piece !== '').join('\n\n');
  if (media.length === 0) return text;
  const parts = media.map((part) => wirePart(part, params));
  return text ? [...parts, { type: 'text', text }] : parts;
}

export function wireMessages(path: Message[], options: RequestOptions): unknown[] {
  const messages: unknown[] = [];
  if (options.system.trim()) messages.push({ role: 'system', content: options.system });
  path.forEach((message, i) => {
    if (message.role === 'user') {
      messages.push({ role: 'user', content: userContent(message, options.params) });
    } else if (options.continued && i === path.length - 1) {
      messages.push({
        role: 'assistant',
        content: message.text,
        ...(message.think ? { reasoning_content: message.think } : {}),
      });
    } else {
      const content = answerForHistory(message);
      if (content) messages.push({ role: 'assistant', content });
    }
  });
  return messages;
}

export function chatBody(path: Message[], options: RequestOptions): Record<string, unknown> {
  const { thinking, thinking_budget, max_pixels, video_fps: _f, max_frames: _m, ...sampling } = options.params;
  const body: Record<string, unknown> = {
    ...(options.model ? { model: options.model } : {}),
    messages: wireMessages(path, options),
    stream: true,
    stream_options: { include_usage: true },
    return_progress: true,
    box_markers: 'keep',
    detect_repetition: true,
    ...sampling,
  };
  if (thinking) body.enable_thinking = thinking === 'on';
  if (thinking_budget !== undefined) body.thinking_token_budget = thinking_budget;
  if (max_pixels !== undefined) body.mm_processor_kwargs = { max_pixels };
  if (options.continued) Object.assign(body, { continue_final_message: true, add_generation_prompt: false });
  return body;
}
