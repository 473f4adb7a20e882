// Markdown of one block to HTML that is safe to show: raw HTML is text, math and code are made by
// their libraries, and what comes out is sanitised once more at the end.
import DOMPurify from 'dompurify';
import MarkdownIt from 'markdown-it';
import { t } from '../i18n/index.svelte';
import { parseShapes } from '../parse/boxes';
import { kBoxBegin, kBoxEnd } from '../parse/split_reply';
import { timeMarks } from '../parse/timestamps';
import { escapeHtml } from './escape';
import { highlight, late, renderTex } from './late.svelte';
import { mathRule } from './math_rule';

interface Env {
  duration?: number; // of the video that is spoken of: its times become buttons
}

const md = new MarkdownIt({ html: false, linkify: true, breaks: true, highlight: (code, language) => highlight(code, language) ?? '' });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
// Answers know no addresses on this server: relative ones would only hit its API.
md.validateLink = (url) => /^(?:https?:\/\/|mailto:|#|data:image\/(?:png|jpeg|gif|webp);base64,)/i.test(url.trim());
mathRule(md, renderTex);

md.inline.ruler.before('escape', 'boxed', (state, silent) => {
  if (!state.src.startsWith('<|', state.pos)) return false;
  if (state.src.startsWith(kBoxEnd, state.pos)) {
    state.pos += kBoxEnd.length;
    return true;
  }
  if (!state.src.startsWith(kBoxBegin, state.pos)) return false;
  const from = state.pos + kBoxBegin.length;
  const end = state.src.indexOf(kBoxEnd, from);
  if (!silent) {
    const token = state.push('boxed', '', 0);
    token.content = state.src.slice(from, end < 0 ? state.posMax : end).trim();
  }
  state.pos = end < 0 ? state.posMax : Math.min(state.posMax, end + kBoxEnd.length);
  return true;
});
// `<` starts no run of plain text, but "|" may stand in the middle of one.
md.renderer.rules.boxed = (tokens, i) => {
  const text = tokens[i]!.content;
  if (parseShapes(text).length > 0 && /^[\s\d[\](){}<>,;.]+$/.test(text)) {
    return `<span class="coords" data-box="${escapeHtml(text)}">${escapeHtml(text)}</span>`;
  }
  return `<span class="boxed">${md.renderInline(text)}</span>`;
};

md.core.ruler.after('inline', 'times', (state) => {
  const duration = (state.env as Env).duration;
  if (duration === undefined) return;
  for (const block of state.tokens) {
    if (!block.children) continue;
    block.children = block.children.flatMap((token) => {
      const marks = token.type === 'text' ? timeMarks(token.content, duration) : [];
      if (marks.length === 0) return [token];
      const pieces = [];
      let at = 0;
      const text = (content: string) => Object.assign(new state.Token('text', '', 0), { content });
      for (const mark of marks) {
        if (mark.at > at) pieces.push(text(token.content.slice(at, mark.at)));
        const time = new state.Token('time_mark', '', 0);
        time.content = token.content.slice(mark.at, mark.at + mark.length);
        time.meta = { seconds: mark.start };
        pieces.push(time);
        at = mark.at + mark.length;
      }
      if (at < token.content.length) pieces.push(text(token.content.slice(at)));
      return pieces;
    });
  }
});
md.renderer.rules.time_mark = (tokens, i) =>
  `<button type="button" class="time" data-time="${Number((tokens[i]!.meta as { seconds: number }).seconds)}">${escapeHtml(tokens[i]!.content)}</button>`;

md.renderer.rules.link_open = (tokens, i, options, _env, self) => {
  tokens[i]!.attrSet('target', '_blank');
  tokens[i]!.attrSet('rel', 'noopener noreferrer nofollow');
  return self.renderToken(tokens, i, options);
};
// Pictures from elsewhere would tell their host of this reader: a link says where they are.
md.renderer.rules.image = (tokens, i) => {
  const src = String(tokens[i]!.attrGet('src') ?? '');
  const alt = tokens[i]!.content;
  if (/^data:image\/(?:png|jpeg|gif|webp);base64,/i.test(src)) return `<img src="${escapeHtml(src)}" alt="${escapeHtml(alt)}">`;
  const host = URL.canParse(src) ? new URL(src).host : src;
  const label = t('remoteImage', { host, alt: alt || host });
  return `<a class="remote-image" href="${escapeHtml(src)}" target="_blank" rel="noopener noreferrer nofollow">${escapeHtml(label)}</a>`;
};
md.renderer.rules.table_open = () => '<div class="table" tabindex="0" role="group"><table>\n';
md.renderer.rules.table_close = () => '</table></div>\n';
md.renderer.rules.fence = (tokens, i) => {
  const language = tokens[i]!.info.trim().split(/\s+/)[0] ?? '';
  const code = tokens[i]!.content;
  return `<pre class="code" tabindex="0"><code>${highlight(code, language) ?? escapeHtml(code)}</code></pre>\n`;
};

const kPurify = {
  USE_PROFILES: { html: true, mathMl: true, svg: true },
  FORBID_TAGS: ['style', 'form', 'input', 'textarea', 'select', 'iframe', 'audio', 'video', 'dialog'],
  FORBID_ATTR: ['srcset', 'ping', 'autofocus', 'contenteditable'],
  ADD_ATTR: ['target'],
  // Also applied to attributes that are no addresses, so that what has no scheme must pass.
  ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto):|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
};

// Whatever way a picture came here: nothing is fetched for it.
DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'IMG' && !node.getAttribute('src')?.startsWith('data:image/')) node.removeAttribute('src');
});

export function sanitize(html: string): string {
  return DOMPurify.sanitize(html, kPurify);
}

const kMostCached = 600;
const cache = new Map<string, string>();

export function renderMarkdown(text: string, duration?: number): string {
  const key = `${late.version}:${duration ?? ''}:${text}`;
  let html = cache.get(key);
  if (html === undefined) {
    html = sanitize(md.render(text, { duration } satisfies Env));
    cache.set(key, html);
    if (cache.size > kMostCached) cache.delete(cache.keys().next().value!);
  }
  return html;
}
