import { describe, expect, test } from 'vitest';
import { repairHtml } from '../../src/lib/parse/html_repair';

const F = '```html\n';
const E = '\n```';
const kCases: [name: string, text: string, result: string][] = [
  ['a document', '<!DOCTYPE html>\n<html>\n<p>x</p>\n</html>', `${F}<!DOCTYPE html>\n<html>\n<p>x</p>\n</html>${E}\n`],
  ['text around it', 'Here:\n\n<html>\n<p>x</p>\n</html>\n\nDone.', `Here:\n\n${F}<html>\n<p>x</p>\n</html>${E}\n\nDone.`],
  ['a document inside a line', 'Here: <!DOCTYPE html><html></html>', `Here: \n${F}<!DOCTYPE html><html></html>${E}\n`],
  ['no HTML', 'normal text: < > &', 'normal text: < > &'],
  ['comparison', 'a < b and c > d\n\n\n', 'a < b and c > d\n\n\n'],
  ['a fence that is there', '```html\n<div>x</div>\n```', '```html\n<div>x</div>\n```'],
  ['a fence of waves', '~~~\n<html>\n~~~\n', '~~~\n<html>\n~~~\n'],
  ['after a fence', '```\nx\n```\n<div>\na\n</div>', `\`\`\`\nx\n\`\`\`\n${F}<div>\na\n</div>${E}\n`],
  ['inline tags stay', 'See <b>bold</b> and H<sub>2</sub>O<br>', 'See <b>bold</b> and H<sub>2</sub>O<br>'],
  ['a word of a sentence', '<div>x</div> is an element.', '<div>x</div> is an element.'],
  ['in backticks', 'Use `<html>` first.', 'Use `<html>` first.'],
  ['an element', '<div>\n<p>1</p>\n<p>2</p>\n</div>', `${F}<div>\n<p>1</p>\n<p>2</p>\n</div>${E}\n`],
  ['nested elements', '<div>\n<div>\na\n</div>\n</div>\nafter', `${F}<div>\n<div>\na\n</div>\n</div>${E}\nafter`],
  ['elements in a row', '<style>\na{}\n</style>\n<div>\nx\n</div>', `${F}<style>\na{}\n</style>\n<div>\nx\n</div>${E}\n`],
  ['without an end', '<html>\n<body>', `${F}<html>\n<body>${E}`],
  ['other names', '<htmlx>\n<heading>\n', '<htmlx>\n<heading>\n'],
  ['escapes in one line', '<div class=\\"a\\">\\n<p>x</p>\\n</div>', `${F}<div class="a">\n<p>x</p>\n</div>${E}\n`],
  ['escapes beside real lines stay', '<div>\n<p>"\\n"</p>\n</div>', `${F}<div>\n<p>"\\n"</p>\n</div>${E}\n`],
  ['escapes outside stay', 'print("a\\n")', 'print("a\\n")'],
  ['a fence inside it', '<div>\n```\n</div>', `\`${F}<div>\n\`\`\`\n</div>${E}\`\n`],
  ['capitals', '<HEADER>\nx\n</HEADER>', `${F}<HEADER>\nx\n</HEADER>${E}\n`],
  ['nothing', '', ''],
];

describe('whole texts', () => {
  test.each(kCases)('%s', (_name, text, result) => {
    expect(repairHtml(text, true)).toBe(result);
  });
  test('what is fenced once stays as it is', () => {
    for (const [, text] of kCases) {
      const once = repairHtml(text, true);
      expect(repairHtml(once, true)).toBe(once);
    }
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
