import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { endText, faultDetail, faultText } from '../../src/lib/i18n/faults';
import en from '../../src/lib/i18n/en.json';
import zh from '../../src/lib/i18n/zh.json';
import { bytes, clock, count, number, seconds, setLanguage, t } from '../../src/lib/i18n/index.svelte';

function sources(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sources(path);
      return /\.(?:ts|svelte)$/.test(entry.name) ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

describe('dictionaries', () => {
  test('have the same keys, in order', () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    expect(Object.keys(en)).toEqual(Object.keys(en).toSorted());
  });
  test('have the same values in their texts', () => {
    const values = (text: string) => Array.from(text.matchAll(/\{(\w+)\}/g), (m) => m[1]).sort();
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect([key, values(zh[key])]).toEqual([key, values(en[key])]);
      expect(zh[key].trim()).not.toBe('');
    }
  });
  test('have no text that nobody shows', () => {
    const code = sources('src');
    const made = Array.from(code.matchAll(/`([a-z]+)\.\$\{/g), (m) => `${m[1]}.`);
    const counted = Array.from(code.matchAll(/count\('([\w.]+)'/g), (m) => `${m[1]}.`);
    const unused = Object.keys(en).filter(
      (key) => !code.includes(`'${key}'`) && ![...made, ...counted].some((start) => key.startsWith(start)),
    );
    expect(unused).toEqual([]);
  });
});

describe('texts', () => {
  afterAll(() => setLanguage('en'));
  test('in English', async () => {
    await setLanguage('en');
    expect(t('refused.size', { name: 'a.png', most: '10 MB' })).toBe('a.png is larger than 10 MB.');
    expect(count('tokens', 12345)).toBe('12,345 tokens');
    expect(count('doc.pages', 1)).toBe('1 page');
    expect(count('doc.pages', 3)).toBe('3 pages');
    expect([bytes(900), bytes(1_500_000), seconds(9.84), seconds(41)]).toEqual(['900B', '1.5 MB', '9.8s', '41s']);
    expect([clock(5), clock(65), clock(3725)]).toEqual(['0:05', '1:05', '1:02:05']);
    expect([clock(0.25, 1), clock(65, 1), clock(59.97, 1), clock(0.9)]).toEqual(['0:00.3', '1:05', '1:00', '0:00']);
    expect(document.documentElement.lang).toBe('en');
  });
  test('errors in English are the words of the server', async () => {
    await setLanguage('en');
    const fault = { code: 'context_length_exceeded', message: 'The prompt has 70,000 tokens.' };
    expect([faultText(fault), faultDetail(fault)]).toEqual(['The prompt has 70,000 tokens.', '']);
    expect(faultText({ code: 'lost', message: '' })).toBe(en['fault.lost']);
    expect([endText('length'), endText('STOP!')]).toEqual(['limit of tokens', 'STOP!']);
  });
  test('errors in Chinese are translated by their code, with the words of the server behind', async () => {
    await setLanguage('zh');
    const fault = { code: 'queue_full', message: 'The queue is full.' };
    expect([faultText(fault), faultDetail(fault)]).toEqual([zh['fault.queue_full'], 'The queue is full.']);
    expect(faultText({ code: 'never_heard_of', message: 'Odd.' })).toBe(zh['fault.other']);
    expect(endText('cancelled')).toBe(zh['end.cancelled']);
  });
  test('in Chinese', async () => {
    await setLanguage('zh');
    expect(count('doc.pages', 1)).toBe('1 页');
    expect(number(1234.5, 1)).toBe('1,234.5');
    expect(document.documentElement.lang).toBe('zh-CN');
  });
});
