// The habits of the demo programs' detector, case by case.
import { describe, expect, test } from 'vitest';
import { HtmlCompat, isHtml, startPosition } from '../../src/lib/parse/html_compat';

const kDocument = '<!DOCTYPE html>\n<html>\n<body>\n<p>x</p>\n</body>\n</html>';
const kDetection: [text: string, whole: boolean, streaming: boolean, position: number][] = [
  [kDocument, true, true, 0],
  ['normal text: < > &', false, false, 0],
  ['has a <div class="test"> tag', false, true, 6],
  ['```html\n<div>x</div>\n```', false, false, 8],
  ['<div>\n<p>1</p>\n<p>2</p>\n</div>', true, true, 0],
  ['<html><head><body><div>', true, true, 0],
  ['', false, false, 0],
  ['   <html>', true, true, 3],
  ['<htmlx>', false, true, 0],
  ['<heading>', false, true, 0],
  ['<p>a</p>', false, true, 0],
  ['Look: <span id=x>\na\nb\nc</span>', true, true, 6],
  ['Look: <span id=x>\na\nb</span>', false, true, 6],
  ['Look: <span>\na\nb\nc</span>', false, true, 6],
  ['text <div>a</div>\\n\\n\\n', true, true, 5],
  ['text <div>a</div>\\n\\n', false, true, 5],
  ['<HEADER>', true, true, 0],
  ['<!doctype   HTML>', true, true, 0],
  ['a < b and c > d\n\n\n', false, false, 0],
  ['<?xml?>', false, false, 0],
];

describe('detection', () => {
  test.each(kDetection)('%j', (text, whole, streaming, position) => {
    expect(isHtml(text, false)).toBe(whole);
    expect(isHtml(text, true)).toBe(streaming);
    expect(startPosition(text)).toBe(position);
  });
});

const F = '```html\n';
const kStreams: [chunks: string[], outputs: string[], end: string][] = [
  [['<html>', '<body>', 'x</body></html>'], [`${F}<html>`, '<body>', 'x</body></html>'], '\n```'],
  [['Hi ', 'there ', '<div>', 'a'], ['Hi ', 'there ', `${F}<div>`, 'a'], '\n```'],
  [['Hi <div class=\\"a\\">\\n', '<p>\\n'], [`Hi ${F}<div class=\\"a\\">\\n`, '<p>\n'], '\n```'],
  [['a\\', 'nb'], ['a', '\nb'], ''],
  [['1', '2', '3', '4', '5', '<div>x</div>'], ['1', '2', '3', '4', '5', '<div>x</div>'], ''],
  [['x'.repeat(51) + '<div>'], ['x'.repeat(51) + '<div>'], ''],
  [['x'.repeat(30), 'y'.repeat(30), '<html>'], ['x'.repeat(30), 'y'.repeat(30), `${F}<html>`], '\n```'],
  [['Let me show:\n\n<', 'html', '>', '\n<head>'], ['Let me show:\n\n<', 'html', '>', `\n${F}<head>`], '\n```'],
  [['See <b>bold</b>', ' more'], [`See ${F}<b>bold</b>`, ' more'], '\n```'],
  [['ab\\'], ['ab'], '\\'],
  [['<div>a\\', 'n</div>'], [`${F}<div>a\\`, 'n</div>'], '\n```'],
];

describe('streams', () => {
  test.each(kStreams)('%j', (chunks, outputs, end) => {
    const compat = new HtmlCompat();
    const pieces = chunks.map((chunk) => compat.chunk(chunk));
    expect(pieces.map((piece) => piece.output)).toEqual(outputs);
    expect(pieces.map((piece) => piece.detected)).toEqual(outputs.map((output) => output.includes(F)));
    expect(compat.finalize()).toBe(end);
  });
});
