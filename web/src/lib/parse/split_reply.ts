// Divides what a model wrote into thought and answer, and the answer into text and boxes. The server
// does the first already: what it sends as an answer may speak of tags. Only a text that begins with
// <think> (of another server, or kept since before) is divided here. Works on all of the text that has
// come so far, and holds back the start of a tag that may still become one.

export interface Split {
  think: string;
  thinkOpen: boolean; // the thought has not been closed
  answer: string; // with box markers
  restated: string; // what stands behind </answer>
}

const kTags = ['<think>', '</think>', '<answer>', '</answer>', '<|begin_of_box|>', '<|end_of_box|>'];
export const kBoxBegin = '<|begin_of_box|>';
export const kBoxEnd = '<|end_of_box|>';

// Without the longest end that is the start of a tag.
export function withoutPartialTag(text: string): string {
  const from = text.lastIndexOf('<');
  if (from < 0) return text;
  const end = text.slice(from);
  return kTags.some((tag) => tag.length > end.length && tag.startsWith(end)) ? text.slice(0, from) : text;
}

export function splitReply(raw: string, done: boolean): Split {
  const text = done ? raw : withoutPartialTag(raw);
  let think = '';
  let rest = text;
  let thinkOpen = false;
  const opened = /^\s*<think>/.exec(text);
  const close = text.indexOf('</think>');
  if (opened || (close >= 0 && !text.slice(0, close).includes('<answer>'))) {
    const from = opened ? opened[0].length : 0;
    const implicit = text.indexOf('<answer>', from);
    const end = close >= 0 ? close : implicit;
    if (end < 0) {
      think = text.slice(from);
      rest = '';
      thinkOpen = true;
    } else {
      think = text.slice(from, end);
      rest = text.slice(end === close ? end + '</think>'.length : end);
    }
    think = think.replaceAll('<think>', '');
  }
  const answerEnd = rest.indexOf('</answer>');
  const restated = answerEnd >= 0 ? rest.slice(answerEnd + '</answer>'.length) : '';
  const answer = (answerEnd >= 0 ? rest.slice(0, answerEnd) : rest).replace(/<\/?(?:answer|think)>/g, '');
  return { think: think.replace(/^\n+/, ''), thinkOpen, answer: answer.replace(/^\s*\n/, ''), restated };
}

// The parts of a reply as it is kept.
export function replyOf(message: { text: string; think: string }, done: boolean): Split {
  const { text, think } = message;
  if (think === '' && /^\s*<think>/.test(text)) return splitReply(text, done);
  return { think, thinkOpen: false, answer: (done ? text : withoutPartialTag(text)).replace(/^\s*\n/, ''), restated: '' };
}

export type Span = { kind: 'text' | 'box'; text: string; open?: boolean };

// Text and boxes in order. A box that is still open has `open`; an end without a begin is dropped;
// markers inside a box are dropped.
export function boxSpans(answer: string): Span[] {
  const spans: Span[] = [];
  let depth = 0;
  let text = '';
  const flush = (kind: Span['kind'], open = false) => {
    if (text !== '' || kind === 'box') spans.push(open ? { kind, text, open } : { kind, text });
    text = '';
  };
  for (const piece of answer.split(/(<\|begin_of_box\|>|<\|end_of_box\|>)/)) {
    if (piece === kBoxBegin) {
      if (depth++ === 0) flush('text');
    } else if (piece === kBoxEnd) {
      if (depth > 0 && --depth === 0) flush('box');
    } else {
      text += piece;
    }
  }
  flush(depth > 0 ? 'box' : 'text', depth > 0);
  return spans;
}

export function withoutMarkers(answer: string): string {
  return answer.replaceAll(kBoxBegin, '').replaceAll(kBoxEnd, '');
}
