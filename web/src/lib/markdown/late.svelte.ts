// Math and colours of code: large, and loaded when the first text asks for them. Until then TeX and
// code are shown as they are; `late.version` counts what has arrived, so that blocks are made anew.
import { escapeHtml } from './escape';

type Katex = { renderToString(tex: string, options: object): string };
type Highlighter = (code: string, language: string) => string | null;

let katex: Katex | null = null;
let highlighter: Highlighter | null = null;
let katexAsked = false;
let highlighterAsked = false;

export const late = $state({ version: 0 });

export function renderTex(tex: string, display: boolean): string {
  if (!katex) {
    if (!katexAsked) {
      katexAsked = true;
      void import('./katex').then((module) => {
        katex = module.default;
        late.version++;
      });
    }
    return `<code class="tex">${escapeHtml(tex)}</code>`;
  }
  try {
    const html = katex.renderToString(tex, { displayMode: display, output: 'htmlAndMathml', throwOnError: true, strict: 'ignore', maxExpand: 500, maxSize: 20 });
    // The TeX source inside MathML would be spoken a second time.
    return html.replace(/<annotation[^>]*>[\s\S]*?<\/annotation>/g, '').replace(/<\/?semantics>/g, '');
  } catch {
    return `<code class="tex" title="TeX">${escapeHtml(tex)}</code>`;
  }
}

// null: not loaded (yet), or no such language.
export function highlight(code: string, language: string): string | null {
  if (!highlighter) {
    if (!highlighterAsked) {
      highlighterAsked = true;
      void import('./highlight').then((module) => {
        highlighter = module.highlightCode;
        late.version++;
      });
    }
    return null;
  }
  return highlighter(code, language);
}
