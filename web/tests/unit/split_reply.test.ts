import { describe, expect, test } from 'vitest';
import { boxSpans, kBoxBegin as B, kBoxEnd as E, replyOf, splitReply, withoutMarkers, withoutPartialTag } from '../../src/lib/parse/split_reply';

const kWhole: [text: string, think: string, answer: string, restated?: string][] = [
  ['<think>r</think>c', 'r', 'c'],
  ['c', '', 'c'],
  ['<think>r</think>', 'r', ''],
  ['<think></think>c', '', 'c'],
  ['\n<think>\nr\n</think>\n\nc', 'r\n', 'c'],
  ['r</think>c', 'r', 'c'],
  ['', '', ''],
  ['<think>a<think>b</think>c', 'ab', 'c'],
  ['<think>r</think>c</think>d', 'r', 'cd'],
  ['<think>r</think><answer>c', 'r', 'c'],
  ['<think>r</think><answer>c</answer>', 'r', 'c'],
  ['<think>r<answer>c</answer>', 'r', 'c'],
  ['<answer>c</answer> again c', '', 'c', ' again c'],
  ['<think>1\n2\n3</think>c', '1\n2\n3', 'c'],
  ['a <b> c', '', 'a <b> c'],
  [`<think>r</think>x ${B}1${E}`, 'r', `x ${B}1${E}`],
];

describe('whole replies', () => {
  test.each(kWhole)('%j', (text, think, answer, restated = '') => {
    expect(splitReply(text, true)).toMatchObject({ think, answer, restated });
  });
});

test('an open thought', () => {
  expect(splitReply('<think>so far', false)).toEqual({ think: 'so far', thinkOpen: true, answer: '', restated: '' });
});

test('no part of a tag is ever shown, wherever the text is cut', () => {
  const text = `<think>a < b</think><answer>x ${B}42${E} <y></answer>`;
  for (let n = 0; n <= text.length; n++) {
    const { think, answer } = splitReply(text.slice(0, n), false);
    expect(think + withoutMarkers(answer)).not.toMatch(/<\/?(?:t|th|thi|a|an|ans)\w*>?$|<\|/);
  }
  expect(splitReply(text, true)).toMatchObject({ think: 'a < b', answer: `x ${B}42${E} <y>` });
});

test.each([
  ['a<', 'a'], ['a<th', 'a'], ['a</answe', 'a'], ['a<|begin_of', 'a'], ['a<b', 'a<b'], ['a <think>', 'a <think>'], ['', ''],
])('partial tag: %j', (text, kept) => {
  expect(withoutPartialTag(text)).toBe(kept);
});

describe('boxes', () => {
  test.each([
    [`ans ${B} 42 ${E}.`, ['ans ', '[ 42 ]', '.']],
    [`${B}a${E} x ${B}b${E}`, ['[a]', ' x ', '[b]']],
    [`${B}a${B}b${E}c${E}`, ['[abc]']],
    [`${E}a${B}b${E}`, ['a', '[b]']],
    [`${B}${E}`, ['[]']],
    ['none', ['none']],
  ])('%j', (text, spans) => {
    expect(boxSpans(text).map((span) => (span.kind === 'box' ? `[${span.text}]` : span.text))).toEqual(spans);
  });
  test('an open box', () => {
    expect(boxSpans(`x ${B}4`)).toEqual([{ kind: 'text', text: 'x ' }, { kind: 'box', text: '4', open: true }]);
  });
});

describe('a reply that the server has divided', () => {
  test.each([
    ['hm', 'Close a thought with </think>, an answer with </answer>.'],
    ['', 'The tags are <think> and </think>; the answer stands in <answer></answer>.'],
    ['hm', '<think> is a tag'],
  ])('stays as it is: %j %j', (think, text) => {
    expect(replyOf({ think, text }, true)).toEqual({ think, thinkOpen: false, answer: text, restated: '' });
  });
  test('one that it has not divided is', () => {
    expect(replyOf({ think: '', text: '<think>hm</think>c' }, true)).toMatchObject({ think: 'hm', answer: 'c' });
  });
  test('the start of a tag waits', () => {
    expect(replyOf({ think: 'hm', text: 'a <|begin_of' }, false).answer).toBe('a ');
  });
});
