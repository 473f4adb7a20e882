// What answers become. A case: a name, the markdown, what the HTML holds, what it must not hold.
import { beforeAll, describe, expect, test } from 'vitest';
import { renderMarkdown } from '../../src/lib/markdown/render';
import { late } from '../../src/lib/markdown/late.svelte';

// Math and code are loaded when they are first asked for.
beforeAll(async () => {
  renderMarkdown('$x$ \n```js\n1\n```');
  for (let tries = 0; late.version < 2 && tries < 100; tries++) await new Promise((go) => setTimeout(go, 50));
});

type Case = [name: string, text: string, has: (string | RegExp)[], hasNot?: (string | RegExp)[]];

const kMarkdown: Case[] = [
  ['paragraphs', 'a\n\nb', ['<p>a</p>', '<p>b</p>']],
  ['line breaks', 'a\nb', [/a<br>\s*b/]],
  ['bold', '**a**', ['<strong>a</strong>']],
  ['italic', '*a*', ['<em>a</em>']],
  ['struck', '~~a~~', ['<s>a</s>']],
  ['heading', '## a', ['<h2>a</h2>']],
  ['no heading without a blank', '#a', ['<p>#a</p>']],
  ['list', '- a\n- b', ['<ul>', '<li>a</li>']],
  ['numbered list', '3. a\n4. b', ['<ol start="3">']],
  ['nested list', '- a\n  - b', [/<ul>[\s\S]*<ul>/]],
  ['quote', '> a', ['<blockquote>']],
  ['rule', 'a\n\n---\n\nb', ['<hr>']],
  ['code', '`a<b`', ['<code>a&lt;b</code>']],
  ['double backticks', '`` a`b ``', ['<code>a`b</code>']],
  ['indented code', '    a\n    b', ['<pre']],
  ['fence', '```\na\n```', ['<pre class="code"', 'a']],
  ['coloured fence', '```js\nconst a = 1;\n```', ['hljs-keyword']],
  ['unknown language', '```zzz\n<a>\n```', ['&lt;a&gt;'], ['hljs']],
  ['table', '|a|b|\n|---|--:|\n|1|2|', ['<table>', '<td style="text-align:right">2</td>', 'class="table"']],
  ['link', '[a](https://example.org)', ['href="https://example.org"', 'target="_blank"', 'rel="noopener noreferrer nofollow"']],
  ['bare address', 'see https://example.org/x.', ['href="https://example.org/x"']],
  ['bare name of a host', 'see example.org', ['<p>see example.org</p>']],
  ['mail', '<a@example.org>', ['mailto:a@example.org']],
  ['link to the page', '[a](#b)', ['href="#b"']],
  ['relative link', '[a](/v1/models)', ['a'], ['href']],
  ['HTML is text', '<b>a</b>', ['&lt;b&gt;a&lt;/b&gt;'], ['<b>']],
  ['entities', '&amp; &lt; &copy;', ['&amp; &lt; ©']],
  ['escapes', '\\*a\\*', ['*a*'], ['<em>']],
  ['remote picture', '![a](https://pictures.example/x.png)', ['remote-image', 'pictures.example'], ['<img']],
  ['picture in the text', '![a](data:image/png;base64,AAAA)', ['<img src="data:image/png;base64,AAAA" alt="a">']],
  ['picture of another type', '![a](data:image/svg+xml;base64,AAAA)', [], ['<img', 'svg+xml"']],
  ['relative picture', '![a](/x.png)', ['![a](/x.png)'], ['<img', 'href']],
  ['snake_case', 'a_b_c and x__y__z', ['a_b_c', 'x__y__z'], ['<em>', '<strong>']],
  ['Chinese', '**你好**，世界', ['<strong>你好</strong>']],
  ['box in a sentence', 'It is <|begin_of_box|>42<|end_of_box|> here', ['<span class="boxed">42</span>'], ['begin_of_box']],
  ['box with markdown', '<|begin_of_box|>**a**<|end_of_box|>', ['<strong>a</strong>']],
  ['box of coordinates', '<|begin_of_box|>[[1,2,3,4]]<|end_of_box|>', ['class="coords"', 'data-box="[[1,2,3,4]]"']],
  ['box without an end', 'a <|begin_of_box|>4', ['<span class="boxed">4</span>']],
  ['end without a box', 'a<|end_of_box|>b', ['<p>ab</p>']],
  ['box in code stays', '`<|begin_of_box|>`', ['&lt;|begin_of_box|&gt;'], ['boxed']],
];

const kMath: Case[] = [
  ['inline', 'a $x^2$ b', ['class="katex"', '<mi>x</mi>'], ['$']],
  ['display', '$$x^2$$', ['katex-display']],
  ['display in a line', 'a $$x$$ b', ['katex-display']],
  ['parentheses', '\\(x\\)', ['class="katex"'], ['katex-display']],
  ['brackets', '\\[x\\]', ['katex-display']],
  ['lines', '$$\nx\n= 1\n- y\n$$', ['katex-display'], ['<h1>', '<li>', '<hr>']],
  ['lines in brackets', '\\[\n\\begin{aligned}a &= b\\\\ c &= d\\end{aligned}\n\\]', ['katex-display', '<mtable']],
  ['prices', '$5 or $6', ['<p>$5 or $6</p>'], ['katex']],
  ['prices in a row', 'from $5, $6 and $7', ['$5, $6 and $7'], ['katex']],
  ['a price and a formula', 'costs $5, and $x$', ['costs $5', 'katex']],
  ['digit behind', '$x$5', ['$x$5'], ['katex']],
  ['blank in front', '$ x$', ['$ x$'], ['katex']],
  ['blank behind', '$x $', ['$x $'], ['katex']],
  ['no end', 'a $x', ['<p>a $x</p>'], ['katex']],
  ['empty', '$$ $$', ['$$ $$'], ['katex']],
  ['escaped dollar', '\\$x\\$', ['$x$'], ['katex']],
  ['escaped inside', '$a\\$b$', ['katex']],
  ['in code', '`$x$`', ['<code>$x$</code>'], ['katex']],
  ['in a fence', '```\n$x$\n```', ['$x$'], ['katex']],
  ['underscores', '$a_1$ and $b_1$', ['<mi>a</mi>', '<mi>b</mi>'], ['<em>']],
  ['stars', '$a*b$ and $c*d$', ['<mi>d</mi>'], ['<em>']],
  ['in a list', '- $x$\n- \\(y\\)', ['<li>', '<mi>y</mi>']],
  ['in a table', '|a|\n|---|\n|$x$|', ['<td>', 'katex']],
  ['in bold', '**$x$**', ['<strong>', 'katex']],
  ['in a heading', '# $x$', ['<h1>', 'katex']],
  ['bad TeX stays readable', '$\\frac{1}$', ['class="tex"', '\\frac{1}']],
  ['fraction', '$\\frac{1}{2}$', ['<mfrac>']],
  ['root', '$\\sqrt{2}$', ['<msqrt>', '<svg']],
  ['boxed', '$\\boxed{42}$', ['<menclose']],
  ['source is not spoken twice', '$x$', ['katex-mathml'], ['annotation', 'semantics']],
  ['links in TeX are not made', '$\\href{javascript:alert(1)}{x}$', [], ['href=', '<a']],
  ['HTML in TeX is text', '$<img src=x>$', [], ['<img']],
  ['two paragraphs are no formula', 'costs $5\n\nor more$ x', ['costs $5'], ['katex']],
  ['Chinese around it', '令$x$为', ['katex', '令', '为']],
];

const check = ([, text, has, hasNot = []]: Case, duration?: number) => {
  const html = renderMarkdown(text, duration);
  for (const piece of has) expect(html).toMatch(typeof piece === 'string' ? new RegExp(piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : piece);
  for (const piece of hasNot) expect(html).not.toMatch(typeof piece === 'string' ? new RegExp(piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : piece);
};

describe('markdown', () => {
  test.each(kMarkdown)('%s', (...row) => check(row as Case));
});
describe('math', () => {
  test.each(kMath)('%s', (...row) => check(row as Case));
});
describe('times of a video', () => {
  const kTimes: Case[] = [
    ['a time', 'at 00:03 it turns', ['<button', 'data-time="3"', 'at <button']],
    ['a range', '00:01 - 00:04', ['data-time="1"', '00:01 - 00:04</button>']],
    ['bold', '**00:02** x', ['data-time="2"']],
    ['too late', 'at 09:00', [], ['<button']],
    ['in code', '`00:01`', [], ['<button']],
    ['in an address', 'https://example.org/00:01', [], ['<button']],
  ];
  test.each(kTimes)('%s', (...row) => check(row as Case, 6));
  test('none without a video', () => check(['', 'at 00:03', [], ['<button']]));
});
