import { describe, expect, test } from 'vitest';
import { pagesIn, selectionOf, typedSelection } from '../../src/lib/media/pages';
import { kindOf, refusal } from '../../src/lib/media/kinds';
import type { Info } from '../../src/lib/api/types';

describe('pages', () => {
  test.each<[string, number[]]>([
    ['1-3,7', [1, 2, 3, 7]], ['2', [2]], ['9-12', [9, 10]], ['x', []], ['', []], ['0-1', [1]], [' 2 – 3 ', [2, 3]],
  ])('%j', (text, pages) => expect(Array.from(pagesIn(text, 10))).toEqual(pages));
  test.each([
    ['', ''], [' ', ''], ['3-1', '1-3'], ['1-10', ''], ['2,99', '2'], ['0', undefined], ['99', undefined], ['abc', undefined],
  ])('typed: %j', (text, selection) => expect(typedSelection(text, 10)).toBe(selection));
  test.each<[number[], string]>([
    [[1, 2, 3, 7], '1-3,7'], [[3, 1], '1,3'], [[1, 2, 3, 4], '1-4'], [[], ''], [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ''],
  ])('%j', (pages, text) => expect(selectionOf(pages, 10)).toBe(text));
});

describe('files', () => {
  test.each([
    ['a.JPG', '', 'image'], ['a.webm', '', 'video'], ['a.pptx', '', 'doc'], ['a.py', '', 'text'],
    ['blob', 'image/png', 'image'], ['blob', 'image/svg+xml', null], ['a.exe', '', null], ['a', 'text/plain', 'text'],
  ])('%s %s', (name, mime, kind) => expect(kindOf(name, mime)).toBe(kind));

  const info = {
    capabilities: { image: true, video: true, doc: false, mix: false, think_switch: true },
    limits: { images: 2, videos: 1, docs: 1, file_bytes: 100, image_bytes: 50, video_bytes: 100, doc_bytes: 100, doc_pages: 60 },
  } as Info;
  test('limits', () => {
    expect(refusal('image', 10, [], info)).toBeNull();
    expect(refusal('image', 60, [], info)).toEqual({ rule: 'size', most: 50 });
    expect(refusal('image', 10, ['image', 'image'], info)).toEqual({ rule: 'images', most: 2 });
    expect(refusal('video', 10, ['image'], info)).toEqual({ rule: 'mix' });
    expect(refusal('video', 10, ['video'], info)).toEqual({ rule: 'videos', most: 1 });
    expect(refusal('doc', 10, [], info)).toEqual({ rule: 'capability', kind: 'doc' });
    expect(refusal('text', 10, ['image'], info)).toBeNull();
    expect(refusal('image', 10, ['text'], info)).toBeNull();
    expect(refusal('image', 0, [], info)).toEqual({ rule: 'empty' });
    expect(refusal(null, 10, [], info)).toEqual({ rule: 'type' });
    expect(refusal('doc', 10, [], null)).toBeNull();
  });
});
