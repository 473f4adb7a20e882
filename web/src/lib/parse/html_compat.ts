// The detector of raw HTML that the model's demo programs use, with its habits: what it does to each
// piece of a stream is kept exactly, so that outputs can be compared. The page uses html_repair.ts.

const kBufferedPieces = 5;
const kThreshold = 50; // code points
const kStart = /^(?:<!DOCTYPE\s+html|<(?:html|head|body|div|section|article|main|header|footer|nav)[\s>])/i;
const kFeature = /<!DOCTYPE|<html|<head|<body|<div|class=|id=|href=|src=/i;
const kStruct = /<[a-z][^>]*>[\s\S]*<\/[a-z]+>/i;
const kTag = /<[a-z][^>]*>/i;
const kPositions = [
  /<!DOCTYPE\s+html/i,
  /<(?:html|head|body|div|section|article|main|header|footer|nav)\b/i,
  /<[a-z]+/i,
];

function countOf(text: string, piece: string): number {
  return text.split(piece).length - 1;
}

export function isHtml(text: string, streaming: boolean): boolean {
  if (text.includes('```')) return false;
  if (kStart.test(text.trim())) return true;
  const newlines = countOf(text, '\n');
  const written = countOf(text, '\\n');
  if (streaming) {
    if (kFeature.test(text) || kTag.test(text)) return true;
    return kStruct.test(text) && newlines + written >= 1;
  }
  return kStruct.test(text) && kFeature.test(text) && (newlines > 2 || written > 2);
}

export function startPosition(text: string): number {
  const found = kPositions.map((pattern) => text.search(pattern)).filter((at) => at >= 0);
  return found.length ? Math.min(...found) : 0;
}

function unescape(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\"', '"').replaceAll("\\'", "'");
}

export class HtmlCompat {
  private buffer = '';
  private count = 0;
  private detected = false;

  chunk(piece: string): { output: string; detected: boolean } {
    const raw = { output: this.buffer + piece, detected: false };
    if (!this.detected) {
      const length = Array.from(raw.output).length;
      if (this.count >= kBufferedPieces || length > kThreshold) {
        this.buffer = '';
        return raw;
      }
    }
    this.count++;
    this.buffer += piece;
    if (!this.detected && isHtml(this.buffer, true)) {
      const at = startPosition(this.buffer);
      const output = `${this.buffer.slice(0, at)}\`\`\`html\n${this.buffer.slice(at)}`;
      this.buffer = '';
      this.detected = true;
      return { output, detected: true };
    }
    let text = unescape(this.buffer);
    this.buffer = '';
    if (text.endsWith('\\')) {
      this.buffer = '\\';
      text = text.slice(0, -1);
    }
    return { output: text, detected: false };
  }

  finalize(): string {
    const rest = this.buffer + (this.detected ? '\n```' : '');
    this.buffer = '';
    this.count = 0;
    this.detected = false;
    return rest;
  }
}
