// TeX in markdown: \( \), \[ \], $ $, $$ $$. "$5 or $6" stays text: between single dollars nothing
// begins or ends with a blank, and no digit follows the closing one.
import type { MarkdownIt } from 'markdown-it';

export type RenderTex = (tex: string, display: boolean) => string;

interface Match {
  tex: string;
  length: number; // with the delimiters
  display: boolean;
}

const kPairs: [open: string, close: string, display: boolean][] = [
  ['\\[', '\\]', true],
  ['\\(', '\\)', false],
  ['$$', '$$', true],
  ['$', '$', false],
];

function closing(text: string, from: number, close: string): number {
  for (let at = from; at < text.length; at++) {
    if (text.startsWith(close, at)) return at;
    if (text[at] === '\\') at++; // an escaped letter closes nothing
  }
  return -1;
}

export function mathAt(text: string, at: number): Match | null {
  for (const [open, close, display] of kPairs) {
    if (!text.startsWith(open, at)) continue;
    const from = at + open.length;
    const end = closing(text, from, close);
    if (end < 0) return null;
    const tex = text.slice(from, end);
    const length = end + close.length - at;
    if (tex.trim() === '') return null;
    if (open === '$') {
      if (/^\s|\s$/.test(tex) || /\n\s*\n/.test(tex)) return null;
      if (/\d/.test(text[end + 1] ?? '')) return null;
    }
    return { tex: tex.trim(), length, display };
  }
  return null;
}

export function mathRule(md: MarkdownIt, render: RenderTex): void {
  md.inline.ruler.before('escape', 'math', (state, silent) => {
    const first = state.src[state.pos];
    if (first !== '$' && first !== '\\') return false;
    const match = mathAt(state.src, state.pos);
    if (!match || state.pos + match.length > state.posMax) return false;
    if (!silent) {
      const token = state.push('math', '', 0);
      token.content = match.tex;
      token.meta = { display: match.display };
    }
    state.pos += match.length;
    return true;
  });

  // Lines between $$ or \[ and its end: inside, nothing is a list, a heading or a table.
  md.block.ruler.before(
    'fence',
    'math_block',
    (state, startLine, endLine, silent) => {
      const start = state.bMarks[startLine]! + state.tShift[startLine]!;
      const opener = state.src.startsWith('$$', start) ? '$$' : state.src.startsWith('\\[', start) ? '\\[' : '';
      if (!opener || state.sCount[startLine]! - state.blkIndent >= 4) return false;
      const end = closing(state.src, start + 2, opener === '$$' ? '$$' : '\\]');
      if (end < 0 || state.src.slice(start + 2, end).trim() === '') return false;
      let line = startLine;
      while (line < endLine && state.eMarks[line]! < end) line++;
      if (line >= endLine) return false;
      // Text behind it makes it part of a paragraph.
      if (state.src.slice(end + 2, state.eMarks[line]).trim() !== '') return false;
      if (silent) return true;
      const token = state.push('math', '', 0);
      token.block = true;
      token.content = state.src.slice(start + 2, end).trim();
      token.meta = { display: true };
      token.map = [startLine, line + 1];
      state.line = line + 1;
      return true;
    },
    { alt: ['paragraph', 'reference', 'blockquote', 'list'] },
  );

  md.renderer.rules.math = (tokens, i) => {
    const token = tokens[i]!;
    const html = render(token.content, (token.meta as { display: boolean }).display);
    return token.block ? `<p>${html}</p>\n` : html;
  };
}
