// Divides an answer into blocks that do not depend on each other, so that while it streams only the
// last one is made anew. The last block is `open` while more may come.
import { kBoxBegin, kBoxEnd } from '../parse/split_reply';

export type Block =
  | { kind: 'markdown'; text: string; open: boolean }
  | { kind: 'fence'; language: string; text: string; open: boolean }
  | { kind: 'box'; text: string; open: boolean }
  | { kind: 'pending'; text: string; open: boolean }; // math whose end has not come

const kFence = /^( {0,3})(`{3,}|~{3,})\s*([^`\n]*)$/;
const kListItem = /^\s{0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const kReference = /^ {0,3}\[[^\]]+\]:\s*\S/m;

export function splitBlocks(text: string, done: boolean): Block[] {
  // Definitions of links hold for all of the text.
  if (done && kReference.test(text) && !/^ {0,3}(?:`{3,}|~{3,})/m.test(text)) return boxes(text, false);
  const blocks: Block[] = [];
  let lines: string[] = [];
  let fence: { mark: string; language: string; nested: boolean } | null = null;
  let math = '';
  let boxDepth = 0;
  let blank = false;

  const flush = (open = false) => {
    const body = lines.join('\n');
    lines = [];
    blank = false;
    if (body.trim() === '') return;
    if (math && open) blocks.push({ kind: 'pending', text: body, open });
    else blocks.push(...boxes(body, open));
  };

  for (const line of text.split('\n')) {
    if (fence) {
      if (closes(line, fence.mark)) {
        if (fence.nested) lines.push(line);
        else blocks.push({ kind: 'fence', language: fence.language, text: lines.join('\n'), open: false });
        if (!fence.nested) lines = [];
        fence = null;
      } else lines.push(line);
      continue;
    }
    if (math) {
      lines.push(line);
      if (line.includes(math)) {
        math = '';
        flush();
      }
      continue;
    }
    if (boxDepth === 0) {
      const opened = kFence.exec(line);
      if (opened) {
        const nested = lines.length > 0 && opened[1]!.length >= 2 && kListItem.test(lines[0]!);
        fence = { mark: opened[2]!, language: opened[3]!.trim().split(/\s+/)[0]!.toLowerCase(), nested };
        if (nested) lines.push(line);
        else flush();
        continue;
      }
      const nestedFence = /^\s{4,}(`{3,}|~{3,})/.exec(line);
      if (nestedFence && lines.length > 0 && kListItem.test(lines[0]!)) {
        fence = { mark: nestedFence[1]!, language: '', nested: true };
        lines.push(line);
        continue;
      }
      if (line.trim() === '') {
        if (lines.length > 0) blank = true;
        lines.push(line);
        continue;
      }
      if (blank && !continuesList(lines[0]!, line)) flush();
      blank = false;
      const opener = /^ {0,3}(\$\$|\\\[)/.exec(line)?.[1];
      if (opener) {
        const close = opener === '$$' ? '$$' : '\\]';
        const rest = line.slice(line.indexOf(opener) + 2);
        if (!rest.includes(close)) {
          flush();
          math = close;
        }
      }
    }
    lines.push(line);
    boxDepth += count(line, kBoxBegin) - count(line, kBoxEnd);
    if (boxDepth < 0) boxDepth = 0;
  }
  if (fence && !fence.nested) blocks.push({ kind: 'fence', language: fence.language, text: lines.join('\n'), open: !done });
  else flush(!done);
  const last = blocks.at(-1);
  if (last && !done) last.open = true;
  return blocks;
}

function closes(line: string, mark: string): boolean {
  const trimmed = line.trim();
  return trimmed.length >= mark.length && trimmed[0] === mark[0] && trimmed.split(mark[0]!).every((rest) => rest === '');
}

function continuesList(first: string, line: string): boolean {
  if (!kListItem.test(first)) return /^(?: {4}|\t)/.test(first) && /^(?: {4}|\t)/.test(line);
  if (/^(?: {2,}|\t)/.test(line)) return true;
  return kListItem.test(line) && /^\s*\d/.test(first) === /^\s*\d/.test(line);
}

function count(text: string, piece: string): number {
  return text.split(piece).length - 1;
}

// A box that ends its paragraph becomes a block of its own: the final answer. One inside a sentence,
// a list or a table stays where it is.
function boxes(text: string, open: boolean): Block[] {
  const begin = text.indexOf(kBoxBegin);
  if (begin < 0) return [{ kind: 'markdown', text, open }];
  const before = text.slice(0, begin);
  const inner = text.slice(begin + kBoxBegin.length);
  const end = inner.indexOf(kBoxEnd);
  const behind = end < 0 ? '' : inner.slice(end + kBoxEnd.length);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const inside = kListItem.test(text) || /^\s*[|>#]/.test(line) || line.includes('|') || /\S/.test(behind.replace(/^[\s.。,!*]+/, ''));
  if (inside) return [{ kind: 'markdown', text, open }];
  const blocks: Block[] = [];
  // Emphasis around the box would be cut in two.
  const words = before.replace(/(?:\*{1,3}|\$|\()\s*$/, '').trimEnd();
  if (words) blocks.push({ kind: 'markdown', text: words, open: false });
  const content = (end < 0 ? inner : inner.slice(0, end)).trim();
  if (content || open) blocks.push({ kind: 'box', text: content, open: end < 0 && open });
  return blocks;
}
