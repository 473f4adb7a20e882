import { describe, expect, test } from 'vitest';
import { splitBlocks, type Block } from '../../src/lib/markdown/blocks';

const short = (blocks: Block[]) => blocks.map((b) => `${b.kind}${b.open ? '*' : ''}: ${b.text.trim().replace(/\n/g, '/')}`);
const B = '<|begin_of_box|>';
const E = '<|end_of_box|>';

const kDone: [text: string, blocks: string[]][] = [
  ['a\n\nb', ['markdown: a', 'markdown: b']],
  ['a\n\n\n\nb', ['markdown: a', 'markdown: b']],
  ['a\nb', ['markdown: a/b']],
  ['```js\na\n\nb\n```\nc', ['fence: a//b', 'markdown: c']],
  ['a\n```\nb\n```', ['markdown: a', 'fence: b']],
  ['~~~\n```\n~~~', ['fence: ```']],
  ['````\n```\n````', ['fence: ```']],
  ['```\na', ['fence: a']],
  ['- a\n\n- b\n\n  c\n\nd', ['markdown: - a//- b//  c', 'markdown: d']],
  ['1. a\n\n2. b', ['markdown: 1. a//2. b']],
  ['1. a\n\n- b', ['markdown: 1. a', 'markdown: - b']],
  ['- a\n  ```\n  x\n\n  y\n  ```\n- b', ['markdown: - a/  ```/  x//  y/  ```/- b']],
  ['$$\na\n\nb\n$$\nc', ['markdown: $$/a//b/$$', 'markdown: c']],
  ['\\[\na\n\\]', ['markdown: \\[/a/\\]']],
  ['|a|\n|-|\n|b|', ['markdown: |a|/|-|/|b|']],
  [`The sum is ${B}42${E}.`, ['markdown: The sum is', 'box: 42']],
  [`${B}42${E}`, ['box: 42']],
  [`${B}\na\n\nb\n${E}`, ['box: a//b']],
  [`It is ${B}42${E}, and more.`, [`markdown: It is ${B}42${E}, and more.`]],
  [`- a ${B}1${E}\n- b ${B}2${E}`, [`markdown: - a ${B}1${E}/- b ${B}2${E}`]],
  [`|a|\n|-|\n|${B}1${E}|`, [`markdown: |a|/|-|/|${B}1${E}|`]],
  [`Answer: **${B}B${E}**`, ['markdown: Answer:', 'box: B']],
  ['[a]\n\n[a]: https://example.org', ['markdown: [a]//[a]: https://example.org']],
  ['', []],
  ['\n\n', []],
];

test.each(kDone)('%j', (text, blocks) => {
  expect(short(splitBlocks(text, true))).toEqual(blocks);
});

describe('while it streams', () => {
  test.each<[string, string[]]>([
    ['a\n\nb', ['markdown: a', 'markdown*: b']],
    ['```js\na', ['fence*: a']],
    ['$$\na\n', ['pending*: $$/a']],
    ['\\[ a', ['pending*: \\[ a']],
    [`x ${B}4`, ['markdown: x', 'box*: 4']],
    ['a\n\n', ['markdown*: a']],
  ])('%j', (text, blocks) => {
    expect(short(splitBlocks(text, false))).toEqual(blocks);
  });

  // What is closed once is never made anew: its text stays the same as more comes.
  test('closed blocks do not change', () => {
    const text = kDone.map(([each]) => each).filter((each) => !/^\[a\]/.test(each)).join('\n\ntext\n\n');
    let before: Block[] = [];
    for (let n = 1; n <= text.length; n++) {
      const blocks = splitBlocks(text.slice(0, n), false);
      before.slice(0, -2).forEach((block, i) => expect(blocks[i]?.text).toBe(block.text));
      before = blocks;
    }
  });
});
