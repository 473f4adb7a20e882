// The same texts are shown in a real browser by tests/e2e/security.test.ts.
import { expect, test } from 'vitest';
import { splitBlocks } from '../../src/lib/markdown/blocks';
import { renderMarkdown, sanitize } from '../../src/lib/markdown/render';
import { repairHtml } from '../../src/lib/parse/html_repair';
import { splitReply } from '../../src/lib/parse/split_reply';
import { kXss } from './xss_corpus';

function offences(html: string): string[] {
  const found: string[] = [];
  const root = new DOMParser().parseFromString(html, 'text/html').body;
  for (const element of root.querySelectorAll('*')) {
    const name = element.tagName.toLowerCase();
    if (['script', 'iframe', 'style', 'link', 'meta', 'base', 'form', 'object', 'embed', 'input'].includes(name)) found.push(name);
    for (const { name: attribute, value } of Array.from(element.attributes)) {
      if (attribute.startsWith('on') || attribute === 'srcdoc') found.push(`${name} ${attribute}`);
      if (['href', 'src', 'action', 'xlink:href', 'formaction'].includes(attribute)) {
        const allowed = attribute === 'src' ? /^data:image\/(?:png|jpeg|gif|webp);/ : /^(?:https?:|mailto:|#)/;
        if (!allowed.test(value)) found.push(`${name} ${attribute}=${value}`);
      }
    }
  }
  return found;
}

test.each(kXss)('%j', (text) => {
  const { answer } = splitReply(text, true);
  for (const block of splitBlocks(repairHtml(answer, true), true)) {
    expect(offences(renderMarkdown(block.text, 60))).toEqual([]);
  }
});

test('the last step alone stops them too', () => {
  for (const text of kXss) expect([text, offences(sanitize(text))]).toEqual([text, []]);
});
