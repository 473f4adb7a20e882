import { describe, expect, test } from 'vitest';
import { hueOf, parseShapes, type Shape } from '../../src/lib/parse/boxes';

const B = '<|begin_of_box|>';
const E = '<|end_of_box|>';
const short = (shapes: Shape[]) =>
  shapes.map((shape) => (shape.kind === 'polygon' ? `polygon ${shape.points.join(' ')}` : `${shape.kind} ${shape.coords.join()}`));

const kCases: [text: string, shapes: string[]][] = [
  [`${B}[[12, 34, 567, 890]]${E}`, ['box 12,34,567,890']],
  [`${B}[100,200,300,400]${E}`, ['box 100,200,300,400']],
  ['(1,2,3,4)', ['box 1,2,3,4']],
  ['<10, 20, 30, 40>', ['box 10,20,30,40']],
  ['<bbox>1,2,3,4</bbox>', ['box 1,2,3,4']],
  ['{{1,2,3,4},{5,6,7,8}}', ['box 1,2,3,4', 'box 5,6,7,8']],
  ['[[1,2,3,4],[5,6,7,8]] and [9,9,10,10]', ['box 1,2,3,4', 'box 5,6,7,8', 'box 9,9,10,10']],
  ['[1,2,3]', []],
  ['[1,2,3,4,5]', []],
  ['two (1,2) pts', []],
  ['<100 200 300 400>', ['box 100,200,300,400']],
  ['(100,200),(300,400)', ['box 100,200,300,400']],
  ['[300,400,100,200]', ['box 100,200,300,400']],
  ['[1200,-5,1500,50]', []],
  ['[900,-5,1500,50]', ['box 900,0,1000,50']],
  ['[0.5, 1.5, 10.25, 1/2]', ['box 0.5,0.5,10.25,1.5']],
  ['[[100,200]]', ['point 100,200']],
  ['[500, 500]', ['point 500,500']],
  ['[[1,2],[3,4]]', ['point 1,2', 'point 3,4']],
  ['[[1,2],[3,4],[5,6]]', ['polygon 1,2 3,4 5,6']],
  ["[{'box_2d': [[10,20,30,40]], 'label': 'cat'}]", ['box 10,20,30,40']],
  ['[{"label":"a","bbox_2d":[1,2,3,4]},{"label":"b","bbox_2d":[5,6,7,8]}]', ['box 1,2,3,4', 'box 5,6,7,8']],
  ['[{"label":"a","bbox_2d":[1,2,3,4]},{"label":"b","bbox_2d":[5,', ['box 1,2,3,4']],
  ['no coordinates, only [a, b, c, d]', []],
  ['', []],
];

test.each(kCases)('%j', (text, shapes) => {
  expect(short(parseShapes(text))).toEqual(shapes);
});

describe('labels', () => {
  test.each<[string, string[]]>([
    ['- the red cup [[1,2,30,40]]\n- a lamp: [[5,6,70,80]]', ['the red cup', 'a lamp']],
    ['The dog is at [1,2,30,40] and the cat at [5,6,70,80].', ['The dog', 'the cat']],
    ['[[1,2,30,40],[5,6,70,80]]', ['1', '2']],
    ['cups [[1,2,30,40],[5,6,70,80]]', ['cups 1', 'cups 2']],
    ['[{"label":"cat","bbox_2d":[1,2,3,4]}]', ['cat']],
    ['红色杯子：[[1,2,30,40]]', ['红色杯子']],
  ])('%j', (text, labels) => {
    expect(parseShapes(text).map((shape) => shape.label)).toEqual(labels);
  });
});

test('a label has one colour', () => {
  expect(hueOf('cup')).toBe(hueOf('cup'));
  expect(hueOf('cup')).toBeGreaterThanOrEqual(0);
  expect(hueOf('cup')).toBeLessThan(360);
  expect(hueOf('cup')).not.toBe(hueOf('lamp'));
});
