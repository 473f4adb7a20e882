// Raw HTML in an answer, without a code fence, gets one: it would be shown as text with tags, or not
// at all. Works on all of the text that has come so far; `done` is false while more may come. What
// comes out of a whole text is what glmv/parsers/html_repair.h makes of it; both are tested with
// tests/cases/html_fixed.jsonl.
//
//  - HTML is a document anywhere in a line, or one of certain elements at the beginning of a line,
//    unless it is closed in that line and prose follows. Not inside a fence, and no document behind a
//    backtick.
//  - The start of a tag at the very end is held back until it is decided, at most 64 characters.
//  - Escapes (\n, \", \') are undone only in HTML that has a literal \n and no real newline in what
//    decides: its first 4,096 characters.
//  - The fence is closed behind </html>, behind the last of the elements in a row where there is no
//    document, or at the end. A line of the HTML that would close it is moved to the right.

const kHold = 64;
const kWindow = 4096;
const kDocument = /<html[ \t\r\n\f\v>]|<!doctype[ \t\r\n\f\v]{1,50}html(?![a-z0-9_])/i;
const kElement =
  /^[ \t]{0,64}<(head|body|div|section|article|main|header|footer|nav|form|table|style|script|svg|aside|figure|ul|ol)(?=[ \t\r\n\f\v>/])/i;

interface Html {
  start: number; // of the "<"
  name: string;
}

export function repairHtml(text: string, done: boolean): string {
  const held = done ? text : withoutOpenTag(text);
  let out = '';
  let fence = '';
  for (let at = 0; at < held.length; ) {
    const lineEnd = held.indexOf('\n', at);
    const next = lineEnd < 0 ? held.length : lineEnd + 1;
    const line = held.slice(at, next);
    if (fence) {
      const mark = /^ {0,3}(`+|~+)[ \t\r]*\n?$/.exec(line)?.[1];
      if (mark && mark[0] === fence[0] && mark.length >= fence.length) fence = '';
    } else {
      fence = fenceOf(line);
      const html = fence ? null : htmlIn(held, at, line);
      if (html) {
        const escaped = isEscaped(held, html);
        const end = htmlEnd(held, html, escaped);
        out += held.slice(at, html.start) + (html.start > at ? '\n' : '');
        out += fenced(held.slice(html.start, end.at), escaped, end.closed || done);
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

// The characters that open a fence; no backtick stands behind those of one of backticks.
function fenceOf(line: string): string {
  const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line);
  if (!mark || (mark[1]![0] === '`' && line.slice(mark[0].length).includes('`'))) return '';
  return mark[1]!;
}

function htmlIn(text: string, at: number, line: string): Html | null {
  const element = kElement.exec(line);
  if (element) {
    const html = { start: at + line.indexOf('<'), name: element[1]!.toLowerCase() };
    if (!isWord(text, html)) return html;
  }
  const document = kDocument.exec(line);
  // In code (between backticks), a document is being spoken of.
  if (!document || line.slice(0, document.index).includes('`')) return null;
  return { start: at + document.index, name: 'html' };
}

// The first line of the HTML with its end, or its first characters.
function windowOf(text: string, html: Html): string {
  const window = text.slice(html.start, html.start + kWindow);
  const end = window.indexOf('\n');
  return end < 0 ? window : window.slice(0, end + 1);
}

// An element that is closed in its first line, with prose behind, is a word of that.
function isWord(text: string, html: Html): boolean {
  const line = windowOf(text, html);
  const close = new RegExp(`</${html.name}[ \\t\\r\\n\\f\\v]*>`, 'i').exec(line);
  if (!close || line.slice(0, close.index).includes('\\n')) return false;
  const behind = line.slice(close.index + close[0].length);
  return /[^ \t\r\n\f\v<]/.test(behind.replace(/<[^>]*>/g, ''));
}

function isEscaped(text: string, html: Html): boolean {
  const window = windowOf(text, html);
  const end = elementEnd(window, 0, html.name);
  const decides = end < 0 ? window : window.slice(0, end);
  return decides.includes('\\n') && !decides.includes('\n');
}

function htmlEnd(text: string, html: Html, escaped: boolean): { at: number; closed: boolean } {
  let name = html.name;
  for (let at = html.start; ; ) {
    at = elementEnd(text, at, name);
    if (at < 0) return { at: text.length, closed: false };
    if (name === 'html') return { at, closed: true };
    const space = (escaped ? /^(?:[ \t\r\n\f\v]|\\n)*/ : /^[ \t\r\n\f\v]*/).exec(text.slice(at))![0];
    const next = text[at + space.length] === '<' ? kElement.exec(text.slice(at + space.length)) : null;
    if (!next) return { at, closed: true };
    at += space.length;
    name = next[1]!.toLowerCase();
  }
}

// Behind the end of an element, by counting its own name; of a document, behind the first </html>.
function elementEnd(html: string, from: number, name: string): number {
  if (name === 'html') {
    const close = /<\/html[ \t\r\n\f\v]*>/gi;
    close.lastIndex = from;
    return close.exec(html) ? close.lastIndex : -1;
  }
  const tags = new RegExp(`<(/?)${name}(?=[ \\t\\r\\n\\f\\v>/])[^>]*>`, 'gi');
  tags.lastIndex = from;
  let depth = 0;
  for (let tag = tags.exec(html); tag; tag = tags.exec(html)) {
    if (tag[0].endsWith('/>')) continue;
    depth += tag[1] ? -1 : 1;
    if (depth === 0) return tags.lastIndex;
  }
  return -1;
}

function fenced(html: string, escaped: boolean, closed: boolean): string {
  let text = html;
  if (escaped) text = text.replaceAll('\\n', '\n').replaceAll('\\"', '"').replaceAll("\\'", "'");
  text = text.replace(/[ \t\r\n\f\v]+$/, '').replace(/(^|\n)( {0,3}`{3,}[ \t\r]*)(?=\n|$)/g, '$1    $2');
  return `\`\`\`html\n${text}${closed ? '\n```' : ''}`;
}

// Without a `<` at the end whose tag is not decided yet.
function withoutOpenTag(text: string): string {
  const from = text.lastIndexOf('<');
  if (from < 0 || text.length - from > kHold) return text;
  const end = text.slice(from);
  return /^<(?:!?[a-z/!-]?[a-z0-9]*(?:\s[^>]*)?)?$/i.test(end) ? text.slice(0, from) : text;
}
