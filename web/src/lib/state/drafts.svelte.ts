// What is being written: a text and attachments for each conversation, kept while the tab is open.
import { ApiError } from '../api/client';
import { digest, upload } from '../api/files';
import { faultDetail, faultText, type Fault } from '../i18n/faults';
import { bytes as bytesText, t } from '../i18n/index.svelte';
import { takeable } from '../media/formats';
import { kindOf, refusal, type Refusal } from '../media/kinds';
import { pagesOver } from '../media/pages';
import { putBlob } from './db';
import { newId } from './ids';
import { noticeFailure, server } from './server.svelte';
import type { Part } from './types';
import { announce } from './ui.svelte';
import { noteUpload } from './uploads';

export interface Attachment {
  key: string;
  part: Part;
  state: 'reading' | 'sending' | 'ready' | 'error';
  progress: number;
  error: Fault | null;
  abort: AbortController;
}

function ready(part: Part): Attachment {
  return { key: newId('a'), state: 'ready', progress: 1, error: null, abort: new AbortController(), part };
}

export class Draft {
  text = $state('');
  attachments = $state<Attachment[]>([]);
  refused = $state<string[]>([]);

  // As a reload left it under `place` in the storage of the tab; attachments that were on their way are gone.
  constructor(private readonly place: string) {
    try {
      const kept = JSON.parse(sessionStorage.getItem(place) ?? '{}') as { text?: string; parts?: Part[] };
      this.text = kept.text ?? '';
      this.attachments = (kept.parts ?? []).map(ready);
    } catch {
      sessionStorage.removeItem(place);
    }
  }

  // Of a document with more pages than a message takes, some have to be chosen.
  get unchosen(): Attachment | undefined {
    return this.attachments.find((each) => each.state === 'ready' && pagesOver(each.part, server.info) !== null);
  }
  get ready(): boolean {
    return this.attachments.every((each) => each.state === 'ready') && !this.unchosen;
  }
  get filled(): boolean {
    return this.text.trim() !== '' || this.attachments.length > 0;
  }

  async add(files: Iterable<File>): Promise<void> {
    this.refused = [];
    await Promise.all(Array.from(files, (file) => this.addOne(file)));
  }

  private async addOne(file: File): Promise<void> {
    const kind = kindOf(file.name, file.type);
    const attached = this.attachments.map((each) => each.part.kind);
    const why = refusal(kind, file.size, attached, server.info);
    if (why || kind === null) return this.refuse(file.name, why ?? { rule: 'type' });
    this.attachments.push({
      key: newId('a'), state: 'reading', progress: 0, error: null, abort: new AbortController(),
      part: { kind, name: file.name, mime: file.type, bytes: file.size, sha256: '' },
    });
    const attachment = this.attachments.at(-1)!;
    let content = await file.arrayBuffer();
    if (kind === 'image') {
      const taken = await takeable(content, file.type);
      if (typeof taken === 'string') {
        this.attachments = this.attachments.filter((each) => each.key !== attachment.key);
        return this.refuse(file.name, { rule: 'format', format: taken });
      }
      content = taken.content;
      Object.assign(attachment.part, { mime: taken.mime, bytes: content.byteLength, moving: taken.moving || undefined });
    }
    await this.send(attachment, content);
  }

  private refuse(name: string, why: Refusal): void {
    const text = refusalText(name, why);
    this.refused = [...this.refused, text];
    announce(text);
  }

  private async send(attachment: Attachment, content: ArrayBuffer): Promise<void> {
    const { part } = attachment;
    try {
      part.sha256 = await digest(content);
      await putBlob({ sha256: part.sha256, mime: part.mime, bytes: content });
      if (part.kind === 'text') {
        part.text = new TextDecoder().decode(content);
        part.estTokens = Math.ceil(part.text.length / 3.5);
      } else {
        attachment.state = 'sending';
        const progress = (fraction: number) => (attachment.progress = fraction);
        const file = new Blob([content], { type: part.mime });
        const info = await upload(file, part.name, part.sha256, progress, attachment.abort.signal);
        noteUpload(info.id);
        Object.assign(part, {
          kind: info.kind, fileId: info.id, w: info.w, h: info.h, pages: info.pages,
          duration: info.duration, fps: info.fps, estTokens: info.est_tokens, mime: info.mime || part.mime,
        });
      }
      attachment.state = 'ready';
      const most = pagesOver(part, server.info);
      if (most !== null) announce(t('doc.choosePages', { n: part.pages ?? 0, most }));
    } catch (error) {
      if (attachment.abort.signal.aborted) return;
      noticeFailure(error);
      attachment.state = 'error';
      attachment.error = error instanceof ApiError ? { code: error.code, message: withoutName(error.message, part.name) } : { code: 'page', message: String(error) };
      announce(`${part.name}: ${faultText(attachment.error)} ${faultDetail(attachment.error)}`);
    }
  }

  // Attachments of an older message, by their bytes in this browser.
  reuse(parts: Part[]): void {
    for (const part of parts) {
      const attached = this.attachments.map((each) => each.part.kind);
      const why = refusal(part.kind, part.bytes, attached, server.info);
      if (why) this.refuse(part.name, why);
      else this.attachments.push(ready(structuredClone($state.snapshot(part)) as Part));
    }
  }

  keep(): void {
    const parts = this.attachments.filter((each) => each.state === 'ready').map((each) => $state.snapshot(each.part));
    try {
      if (this.filled) sessionStorage.setItem(this.place, JSON.stringify({ text: this.text, parts }));
      else sessionStorage.removeItem(this.place);
    } catch {
      // No room: it is kept in memory alone.
    }
  }

  remove(key: string): void {
    this.attachments.find((each) => each.key === key)?.abort.abort();
    this.attachments = this.attachments.filter((each) => each.key !== key);
    this.refused = [];
  }

  // The text and parts; the draft is empty afterwards.
  take(): { text: string; parts: Part[] } {
    const taken = {
      text: this.text.trim(),
      parts: this.attachments.map((each) => $state.snapshot(each.part) as Part),
    };
    this.text = '';
    this.attachments = [];
    this.refused = [];
    this.keep(); // the field that would do it may be gone with the start screen
    return taken;
  }
}

// The server's errors begin with the field of the request, or the name that stands above already.
function withoutName(message: string, name: string): string {
  for (const prefix of ['file: ', `${name}: `]) if (message.startsWith(prefix)) return message.slice(prefix.length);
  return message;
}

function refusalText(name: string, why: Refusal): string {
  switch (why.rule) {
    case 'size':
      return t('refused.size', { name, most: bytesText(why.most) });
    case 'images':
    case 'videos':
    case 'docs':
      return t(`refused.${why.rule}`, { most: why.most });
    case 'format':
      return t('refused.format', { name, format: why.format });
    case 'capability':
      return t('refused.capability', { name });
    default:
      return t(`refused.${why.rule}`, { name });
  }
}

// Not reactive: one is made where it is first read.
const drafts = new Map<string, Draft>();

export function draftOf(conversation: string | null): Draft {
  const key = conversation ?? '';
  let draft = drafts.get(key);
  if (!draft) {
    draft = new Draft(`glmv-draft-${key}`);
    drafts.set(key, draft);
  }
  return draft;
}
