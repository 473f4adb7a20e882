// The server's objects: docs/web-contract.md.

export interface Capabilities {
  image: boolean;
  video: boolean;
  doc: boolean;
  mix: boolean;
  think_switch: boolean;
}

export interface Limits {
  images: number;
  videos: number;
  docs: number;
  file_bytes: number;
  image_bytes: number;
  video_bytes: number;
  doc_bytes: number;
  doc_pages: number;
}

export interface Info {
  name: string;
  version: string;
  model: string;
  family: string;
  instance: string;
  context: number;
  store: boolean;
  capabilities: Capabilities;
  limits: Limits;
  defaults: Record<string, number>;
}

export interface FileInfo {
  id: string;
  kind: 'image' | 'video' | 'doc';
  name: string;
  bytes: number;
  sha256: string;
  mime: string;
  w?: number;
  h?: number;
  est_tokens?: number;
  pages?: number;
  duration?: number;
  fps?: number;
}

export interface Frames {
  duration: number;
  frames: { n: number; time: number }[];
}

export interface Progress {
  phase: string; // vision, prefill
  processed: number;
  total: number;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number; image_tokens?: number };
  completion_tokens_details?: { reasoning_tokens?: number };
}

export interface Timings {
  queue_ms?: number;
  vision_ms?: number;
  prompt_ms?: number;
  predicted_ms?: number;
  predicted_n?: number;
  predicted_per_second?: number;
  time_to_first_token_ms?: number;
}

export interface Chunk {
  id?: string;
  model?: string;
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; reasoning?: string | null };
    finish_reason?: string | null;
    stop_reason?: string | number | null;
    x_reasoning_reclassified?: boolean;
    x_repetition?: boolean;
    x_restated?: boolean;
  }[];
  prompt_progress?: Progress;
  usage?: Usage | null;
  timings?: Timings;
  error?: { message?: string; code?: string };
}
