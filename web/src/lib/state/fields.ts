// Parameters that can be set: their ranges are the server's.
import type { Key } from '../i18n/index.svelte';
import type { Info } from '../api/types';
import type { Params } from './types';

type Numeric = { [K in keyof Params]-?: NonNullable<Params[K]> extends number ? K : never }[keyof Params];

export interface Field {
  name: Numeric;
  group: 'sampling' | 'length' | 'thinking' | 'media';
  text: Key;
  hint: Key;
  min: number;
  max: number;
  step: number;
  slider?: boolean;
}

export const kFields: Field[] = [
  { name: 'temperature', group: 'sampling', text: 'param.temperature', hint: 'param.temperature.hint', min: 0, max: 2, step: 0.05, slider: true },
  { name: 'top_p', group: 'sampling', text: 'param.top_p', hint: 'param.top_p.hint', min: 0.01, max: 1, step: 0.01, slider: true },
  { name: 'top_k', group: 'sampling', text: 'param.top_k', hint: 'param.top_k.hint', min: -1, max: 1000, step: 1 },
  { name: 'min_p', group: 'sampling', text: 'param.min_p', hint: 'param.min_p.hint', min: 0, max: 1, step: 0.01, slider: true },
  { name: 'repetition_penalty', group: 'sampling', text: 'param.repetition_penalty', hint: 'param.repetition_penalty.hint', min: 0.5, max: 2, step: 0.01, slider: true },
  { name: 'presence_penalty', group: 'sampling', text: 'param.presence_penalty', hint: 'param.presence_penalty.hint', min: -2, max: 2, step: 0.1, slider: true },
  { name: 'frequency_penalty', group: 'sampling', text: 'param.frequency_penalty', hint: 'param.frequency_penalty.hint', min: -2, max: 2, step: 0.1, slider: true },
  { name: 'max_tokens', group: 'length', text: 'param.max_tokens', hint: 'param.max_tokens.hint', min: 1, max: 131072, step: 1 },
  { name: 'seed', group: 'length', text: 'param.seed', hint: 'param.seed.hint', min: 0, max: 4294967295, step: 1 },
  { name: 'thinking_budget', group: 'thinking', text: 'param.thinking_budget', hint: 'param.thinking_budget.hint', min: 0, max: 131072, step: 1 },
  { name: 'max_pixels', group: 'media', text: 'param.max_pixels', hint: 'param.max_pixels.hint', min: 3136, max: 33177600, step: 1 },
  { name: 'video_fps', group: 'media', text: 'param.video_fps', hint: 'param.video_fps.hint', min: 0.1, max: 30, step: 0.1 },
  { name: 'max_frames', group: 'media', text: 'param.max_frames', hint: 'param.max_frames.hint', min: 1, max: 640, step: 1 },
];

// A reply is no longer than the model's context: the settings may be of another model's time.
export function mostOf(field: Field, info: Info | null): number {
  return field.name === 'max_tokens' && info ? Math.min(field.max, info.context) : field.max;
}
export function withinContext(params: Params, info: Info | null): Params {
  if (!info || params.max_tokens === undefined) return params;
  return { ...params, max_tokens: Math.min(params.max_tokens, info.context) };
}

// The number that is meant; undefined: none, or none that the server would take.
export function parsedValue(field: Field, text: string, most = field.max): number | undefined {
  if (text.trim() === '') return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  const clamped = Math.min(most, Math.max(field.min, value));
  return field.step >= 1 ? Math.round(clamped) : clamped;
}
