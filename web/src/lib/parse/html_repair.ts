// Raw HTML in an answer, without a code fence, gets one: it would be shown as text with tags, or not
// at all. Works on all of the text that has come so far; `done` is false while more may come.
//
//  - The start of a tag at the very end is held back until it is decided, at most 64 characters.
//  - Nothing is done inside a fence or code that is there already, nor for a tag that stands inside
//    a sentence (b, i, br, sub, a, code ...).
//  - Escapes (\n, \", \') are undone only in HTML that has a literal \n and no real newline.
//  - The fence is closed behind </html>, behind the end of the outermost element where there is no
//    document, or at the end.

const kHold = 64;
// A document, or an element that makes a part of a page, at the start of a line.
const kDocument = /^[ \t]*(?=<!doctype\s+html\b|<html[\s>])/i;
const kElement =
  /^[ \t]*<(head|body|div|section|article|main|header|footer|nav|form|table|style|script|svg|aside|figure|ul|ol)(?=[\s>/])/i;
const kFence = /^ {0,3}(`{3,}|~{3,})/;

export function repairHtml(text: string, done: boolean): string {
  const held = done ? text : withoutOpenTag(text);
  let out = '';
  let fence = '';
  for (let at = 0; at < held.length; ) {
    const lineEnd = held.indexOf('\n', at);
    const next = lineEnd < 0 ? held.length : lineEnd + 1;
    const line = held.slice(at, next);
    const mark = kFence.exec(line)?.[1];
    if (fence) {
      if (mark && mark[0] === fence[0] && mark.length >= fence.length && line.trim() === mark) fence = '';
    } else if (mark) {
      fence = mark;
    } else {
      const start = htmlIn(held, at, line);
      if (start !== null) {
        const end = htmlEnd(held, start);
        out += held.slice(at, start) + (start > at ? '\n' : '');
        out += fenced(held.slice(start, end.at), end.closed || done);
        at = end.at;
        if (end.closed) {
          out += '\n';
          if (held[at] === '\n') at++;
        }
        continue;
      }
    }
    out += line;
    at = next;
  }
  return out;
}

// Where HTML begins in a line; null: there is none. A document may begin inside a line.
function htmlIn(text: string, at: number, line: string): number | null {
  const document = /<!doctype\s+html\b|<html[\s>]/i.exec(line);
  if (kDocument.test(line)) return at + document!.index;
  // In code (between backticks), a document is being spoken of.
  if (document && !line.slice(0, document.index).includes('`')) return at + document.index;
  const element = kElement.exec(line);
  if (!element) return null;
  // One that is closed in a line of prose is a word of it.
  const name = element[1]!.toLowerCase();
  const whole = text.slice(at);
  const close = new RegExp(`</${name}\\s*>`, 'i').exec(whole);
  if (close && !whole.slice(0, close.index).includes('\n') && !whole.slice(0, close.index).includes('\\n')) {
    const behind = whole.slice(close.index + close[0].length).split('\n', 1)[0]!;
    if (/[^\s<]/.test(behind.replace(/<[^>]*>/g, ''))) return null;
  }
  return at + line.indexOf('<');
}

function htmlEnd(text: string, start: number): { at: number; closed: boolean } {
  const html = text.slice(start);
  if (/^(?:<!doctype|<html)/i.test(html)) {
    const close = /<\/html\s*>/i.exec(html);
    return close ? { at: start + close.index + close[0].length, closed: true } : { at: text.length, closed: false };
  }
  // The outermost element, by counting its own name; elements may follow each other.
  let at = 0;
  for (;;) {
    const name = /^\s*<([a-z][a-z0-9]*)/i.exec(html.slice(at))?.[1];
    if (!name) return { at: start + at, closed: true };
    const end = elementEnd(html, at, name);
    if (end < 0) return { at: text.length, closed: false };
    at = end;
    if (!kElement.test(html.slice(at).replace(/^\s+/, ''))) return { at: start + at, closed: true };
  }
}

function elementEnd(html: string, from: number, name: string): number {
  const tags = new RegExp(`<(/?)${name}(?=[\\s>/])[^>]*>`, 'gi');
  tags.lastIndex = from;
  let depth = 0;
  for (let tag = tags.exec(html); tag; tag = tags.exec(html)) {
    if (tag[0].endsWith('/>')) continue;
    depth += tag[1] ? -1 : 1;
    if (depth === 0) return tags.lastIndex;
  }
  return -1;
}

function fenced(html: string, closed: boolean): string {
  let text = html.trim();
  if (text.includes('\\n') && !text.includes('\n')) {
    text = text.replaceAll('\\n', '\n').replaceAll('\\"', '"').replaceAll("\\'", "'");
  }
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), (m) => m[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}html\n${text}${closed ? `\n${fence}` : ''}`;
}

// Without a `<` at the end whose tag is not decided yet.
function withoutOpenTag(text: string): string {
  const from = text.lastIndexOf('<');
  if (from < 0 || text.length - from > kHold) return text;
  const end = text.slice(from);
  return /^<(?:!?[a-z/!-]?[a-z0-9]*(?:\s[^>]*)?)?$/i.test(end) ? text.slice(0, from) : text;
}
