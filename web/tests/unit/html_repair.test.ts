import { describe, expect, test } from 'vitest';
import { repairHtml } from '../../src/lib/parse/html_repair';
import { readCases } from './cases';

// The cases of glmv/parsers/html_repair_test.cc.
const kCases = readCases<{ name: string; text: string; out: string }>('html_fixed');
const F = '```html\n';

describe('whole texts', () => {
  test.each(kCases)('$name', ({ text, out }) => {
    expect(repairHtml(text, true)).toBe(out);
  });
  test('what is fenced once stays as it is', () => {
    for (const { out } of kCases) expect(repairHtml(out, true)).toBe(out);
  });
});

describe('while it streams', () => {
  test('the start of a tag is held back', () => {
    expect(repairHtml('Let me:\n\n<', false)).toBe('Let me:\n\n');
    expect(repairHtml('Let me:\n\n<htm', false)).toBe('Let me:\n\n');
    expect(repairHtml('Let me:\n\n<html>', false)).toBe(`Let me:\n\n${F}<html>`);
    expect(repairHtml('a < b', false)).toBe('a ');
    expect(repairHtml('a < b > c', false)).toBe('a < b > c');
  });
  test('no longer than 64 characters', () => {
    const text = `x <y ${'z'.repeat(70)}`;
    expect(repairHtml(text, false)).toBe(text);
  });
  test('an open fence is not closed', () => {
    expect(repairHtml('<html>\n<body>\n', false)).toBe(`${F}<html>\n<body>`);
  });
  test('the text in front never changes', () => {
    const text = 'One.\n\n<html>\n<p>x</p>\n</html>\n\nTwo.';
    for (let n = 6; n <= text.length; n++) expect(repairHtml(text.slice(0, n), false).startsWith('One.\n')).toBe(true);
  });
});
