// The habits of the demo programs' detector, case by case: those of glmv/parsers/html_repair_test.cc.
import { describe, expect, test } from 'vitest';
import { HtmlCompat, isHtml, startPosition } from '../../src/lib/parse/html_compat';
import { readCases } from './cases';

describe('detection', () => {
  test.each(readCases<{ text: string; whole: boolean; stream: boolean; start: number }>('html_detect'))(
    '%j',
    ({ text, whole, stream, start }) => {
      expect(isHtml(text, false)).toBe(whole);
      expect(isHtml(text, true)).toBe(stream);
      expect(startPosition(text)).toBe(start);
    },
  );
});

interface Stream {
  chunks: string[];
  outputs: string[];
  detected: boolean[];
  end: string;
}

describe('streams', () => {
  test.each(readCases<Stream>('html_streams'))('%j', ({ chunks, outputs, detected, end }) => {
    const compat = new HtmlCompat();
    const pieces = chunks.map((chunk) => compat.chunk(chunk));
    expect(pieces.map((piece) => piece.output)).toEqual(outputs);
    expect(pieces.map((piece) => piece.detected)).toEqual(detected);
    expect(compat.finalize()).toBe(end);
  });
});
