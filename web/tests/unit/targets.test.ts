// On which picture or page the boxes of an answer are drawn.
import { describe, expect, test } from 'vitest';
import { chosenPages, pagesOver } from '../../src/lib/media/pages';
import { firstTarget, placesOf, shapesOn, targetsOf } from '../../src/lib/media/targets';
import { parseShapes } from '../../src/lib/parse/boxes';
import type { Info } from '../../src/lib/api/types';
import type { Part } from '../../src/lib/state/types';

const part = (kind: Part['kind'], more: Partial<Part> = {}): Part => ({ kind, name: kind, mime: '', bytes: 1, sha256: kind, ...more });
const pictures = [part('image', { sha256: '1' }), part('image', { sha256: '2' }), part('image', { sha256: '3' })];
const pages = [part('doc', { pages: 9, pageSel: '3-5' })];

function placed(text: string, parts: Part[]) {
  const targets = targetsOf(parts);
  const shapes = parseShapes(text);
  const places = placesOf(text, shapes, targets);
  const first = firstTarget(places, targets);
  return { first, drawn: targets.map((_, i) => shapesOn(i, shapes, places).length) };
}

test('targets are the pictures, and the pages that were chosen', () => {
  expect(targetsOf([...pictures, part('video'), ...pages]).map((each) => each.page)).toEqual([0, 0, 0, 3, 4, 5]);
});

describe('several pictures', () => {
  test.each<[string, number, number[]]>([
    ['a cup [[1,2,30,40]]', 2, [1, 1, 1]],
    ['Image 1: [[1,2,30,40]]', 0, [1, 0, 0]],
    ['In the second picture the cup is at [[1,2,30,40]]', 1, [0, 1, 0]],
    ['- image 1: [[1,2,30,40]]\n- image 3: [[5,6,70,80]], [[7,6,70,80]]', 0, [1, 0, 2]],
    ['图2：[[1,2,30,40]]', 1, [0, 1, 0]],
    ['第三张图里 [[1,2,30,40]]', 2, [0, 0, 1]],
    ['Picture 7: [[1,2,30,40]]', 2, [1, 1, 1]],
    ['[[1,2,30,40]] as in picture 1', 2, [1, 1, 1]],
  ])('%j', (text, first, drawn) => expect(placed(text, pictures)).toEqual({ first, drawn }));
});

describe('pages', () => {
  test.each<[string, number, number[]]>([
    ['a title [[1,2,30,40]]', 0, [1, 1, 1]],
    ['on page 4: [[1,2,30,40]]', 1, [0, 1, 0]],
    ['page 2: [[1,2,30,40]]', 1, [0, 1, 0]],
    ['第5页 [[1,2,30,40]]', 2, [0, 0, 1]],
  ])('%j', (text, first, drawn) => expect(placed(text, pages)).toEqual({ first, drawn }));
});

test('one picture needs no choice', () => {
  expect(placed('Image 2: [[1,2,30,40]]', [pictures[0]!])).toEqual({ first: 0, drawn: [1] });
});

test('more pages than a message takes', () => {
  const info = { limits: { doc_pages: 60 } } as Info;
  expect(pagesOver(part('doc', { pages: 60 }), info)).toBeNull();
  expect(pagesOver(part('doc', { pages: 100 }), info)).toBe(60);
  expect(pagesOver(part('doc', { pages: 100, pageSel: '1-60' }), info)).toBeNull();
  expect(pagesOver(part('doc', { pages: 100, pageSel: '1-61' }), info)).toBe(60);
  expect(pagesOver(part('image'), info)).toBeNull();
  expect(pagesOver(part('doc', { pages: 100 }), null)).toBeNull();
  expect(chosenPages(part('doc', { pages: 9, pageSel: '7,1-2' }))).toEqual([1, 2, 7]);
});
