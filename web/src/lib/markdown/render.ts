// Markdown of one block to HTML that is safe to show: raw HTML is text, math and code are made by
// their libraries, and what comes out is sanitised once more at the end.
import DOMPurify from 'dompurify';
import MarkdownIt from 'markdown-it';
import { language, t } from '../i18n/index.svelte';
import { parseShapes } from '../parse/boxes';
import { kBoxBegin, kBoxEnd } from '../parse/split_reply';
import { lineMarks } from '../parse/timeline';
import { escapeHtml } from './escape';
import { highlight, late, renderTex } from './late.svelte';
import { mathRule } from './math_rule';

interface Env {
  duration?: number; // of the video that is spoken of: its times become buttons
}
interface TimeMeta {
  seconds: number;
  beyond: boolean; // behind the end of the video, at least in part
  there: boolean; // the video can be shown at this moment
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
md.renderer.rules.boxed = (tokens, i, _options, env) => {
  const text = tokens[i]!.content;
  if (parseShapes(text).length > 0 && /^[\s\d[\](){}<>,;.]+$/.test(text)) {
    return `<span class="coords" data-box="${escapeHtml(text)}">${escapeHtml(text)}</span>`;
  }
  return `<span class="boxed">${md.renderInline(text, env)}</span>`;
};

type Token = Parameters<typeof md.renderer.render>[0][number];
type MakeToken = (type: string, content: string, meta: TimeMeta | null) => Token;

// What a time stands in decides whether it is one, so the pieces of a paragraph are read as one text.
// Code, formulas and links keep their room in it, without their digits.
function asRead(token: Token, inLink: boolean): string {
  if (token.type === 'softbreak' || token.type === 'hardbreak') return '\n';
  if (token.type === 'text' && !inLink) return token.content;
  return token.markup + token.content.replace(/\d/g, 'x');
}

function withTimes(tokens: Token[], duration: number, prefix: string, make: MakeToken): Token[] {
  let text = prefix;
  let links = 0;
  const from = tokens.map((token) => {
    const at = text.length;
    links += token.type === 'link_open' ? 1 : token.type === 'link_close' ? -1 : 0;
    text += asRead(token, links > 0);
    return at;
  });
  const marks = lineMarks(text, duration);
  return tokens.flatMap((token, i) => {
    if (token.type !== 'text') return [token];
    const begin = from[i]!;
    const end = begin + token.content.length;
    const pieces: Token[] = [];
    let at = begin;
    const add = (to: number, type = 'text', meta: TimeMeta | null = null) => {
      if (to > at) pieces.push(make(type, text.slice(at, to), meta));
      at = Math.max(at, to);
    };
    for (const mark of marks) {
      const left = Math.max(begin, mark.at);
      const right = Math.min(end, mark.at + mark.length);
      if (left >= right || !/\d/.test(text.slice(left, right))) continue;
      add(left);
      // A range that goes on behind a piece: there it is its end.
      const seconds = left > mark.at ? (mark.end ?? mark.start) : mark.start;
      add(right, 'time_mark', { seconds, beyond: mark.beyond, there: seconds <= duration });
    }
    if (pieces.length === 0) return [token];
    add(end);
    return pieces;
  });
}

md.core.ruler.after('linkify', 'times', (state) => {
  const duration = (state.env as Env).duration;
  if (duration === undefined) return;
  const make: MakeToken = (type, content, meta) => Object.assign(new state.Token(type, '', 0), { content, meta });
  state.tokens.forEach((block, i) => {
    // In a cell of a table no line begins.
    const cell = /^t[dh]_open$/.test(state.tokens[i - 1]?.type ?? '');
    if (block.children) block.children = withTimes(block.children, duration, cell ? '|' : '', make);
  });
});
md.renderer.rules.time_mark = (tokens, i) => {
  const { content, meta } = tokens[i]!;
  const { seconds, beyond, there } = meta as unknown as TimeMeta;
  const title = beyond ? ` title="${escapeHtml(t('time.beyond'))}"` : '';
  const text = escapeHtml(content);
  if (!there) return `<span class="time beyond"${title}>${text}</span>`;
  return `<button type="button" class="time${beyond ? ' beyond' : ''}" data-time="${Number(seconds)}"${title}>${text}</button>`;
};

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
  const key = `${late.version}:${language()}:${duration ?? ''}:${text}`;
  let html = cache.get(key);
  if (html === undefined) {
    html = sanitize(md.render(text, { duration } satisfies Env));
    cache.set(key, html);
    if (cache.size > kMostCached) cache.delete(cache.keys().next().value!);
  }
  return html;
}
