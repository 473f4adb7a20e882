// What the browser keeps (IndexedDB "glmv") and what --store gets: docs/web-contract.md, section 8.

export type Role = 'user' | 'assistant';
export type MessageStatus = 'streaming' | 'done' | 'stopped' | 'error';
export type MediaKind = 'image' | 'video' | 'doc' | 'text';

// An attachment of a user's message. Its bytes are the blob `sha256`; `fileId` is its name on the
// server, which forgets it sooner or later.
export interface Part {
  kind: MediaKind;
  name: string;
  mime: string;
  bytes: number;
  sha256: string;
  fileId?: string;
  alt?: string;
  w?: number;
  h?: number;
  pages?: number;
  duration?: number;
  fps?: number;
  estTokens?: number;
  moving?: boolean; // a picture of several frames: the first one is sent
  pageSel?: string; // "1-3,7"; none: all pages
  clip?: [number, number]; // seconds
  text?: string; // kind "text": its content
}

export interface Stats {
  model?: string;
  promptTokens?: number;
  imageTokens?: number;
  cachedTokens?: number;
  completionTokens?: number;
  reasoningTokens?: number;
  queueMs?: number;
  visionMs?: number;
  prefillMs?: number;
  ttftMs?: number;
  decodeMs?: number;
  perSecond?: number;
  thinkMs?: number;
  finish?: string; // stop, length, tool_calls
  stopReason?: string; // repetition, cancelled, or a stop string
  reclassified?: boolean;
  restated?: boolean;
  // Of a reply that goes on: what it had cost before.
  before?: Pick<Stats, 'thinkMs' | 'completionTokens' | 'reasoningTokens' | 'decodeMs'>;
}

export interface Message {
  id: string;
  conv: string;
  parent: string | null;
  role: Role;
  text: string; // of a reply: as it came, with box markers
  think: string;
  parts: Part[];
  status: MessageStatus;
  stats: Stats;
  created: number;
  // The stream that this reply is read from, the number of its first event that is not in `text` yet,
  // and when its thought began.
  stream?: { id: string; next: number; thinkingSince?: number };
  error?: { code: string; message: string };
}

// What a conversation sets; a field that is left out is the user's default, then the server's.
export interface Params {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  repetition_penalty?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  max_tokens?: number;
  seed?: number;
  stop?: string[];
  thinking?: 'on' | 'off';
  thinking_budget?: number;
  max_pixels?: number;
  video_fps?: number;
  max_frames?: number;
}

export interface Conversation {
  id: string;
  title: string;
  named: boolean; // by the user: the first message no longer names it
  created: number;
  updated: number;
  pinned: boolean;
  leaf: string | null; // the message that is shown last
  params: Params;
  system: string;
  // Of this browser alone: the version that the server's store has, whether it lacks a change of here,
  // and whether its messages are (still) there only.
  version?: number;
  unsent?: boolean;
  away?: boolean;
}

export interface Archive {
  format: 'glmv-conversations';
  v: 1;
  exported: number;
  conversations: { conv: Conversation; msgs: Message[] }[];
  blobs: Record<string, { mime: string; base64: string }>;
}
