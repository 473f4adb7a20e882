// Grounding in answers: boxes, points and polygons, in thousandths of the picture.
// Formats: docs/web-contract.md, section 7, has what comes out.
import { relaxedJson } from './relaxed_json';

export interface Box {
  kind: 'box';
  coords: [number, number, number, number]; // x1, y1, x2, y2; 0 to 1000, in order
  label: string;
  at: number; // where it stands in the text
}
export interface Point {
  kind: 'point';
  coords: [number, number];
  label: string;
  at: number;
}
export interface Polygon {
  kind: 'polygon';
  points: [number, number][];
  label: string;
  at: number;
}
export type Shape = Box | Point | Polygon;

const kNumber = String.raw`[+-]?\d+(?:\.\d+)?(?:\s*/\s*\d+)?`;
const kSeparator = String.raw`\s*[,;，\s]\s*`;
const kFour = `(${kNumber})${kSeparator}(${kNumber})${kSeparator}(${kNumber})${kSeparator}(${kNumber})`;
const kTwo = `(${kNumber})${kSeparator}(${kNumber})`;
const kBrackets: [string, string][] = [['\\[', '\\]'], ['\\(', '\\)'], ['\\{', '\\}'], ['<', '>'], ['<bbox>', '</bbox>']];

export function parseShapes(text: string): Shape[] {
  if (/bbox_?2d|box_2d|"bbox"|'bbox'/.test(text)) {
    const found = fromJson(text);
    if (found.length) return found;
  }
  return fromCoordinates(text);
}

function numberOf(text: string): number {
  const [over, under] = text.split('/').map((part) => Number(part.trim()));
  return under ? over! / under : over!;
}

function makeBox(numbers: number[], label: string): Box | null {
  if (numbers.length !== 4 || numbers.some((n) => !Number.isFinite(n))) return null;
  const [a, b, c, d] = numbers.map((n) => Math.min(1000, Math.max(0, n))) as [number, number, number, number];
  const coords: Box['coords'] = [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  if (coords[0] === coords[2] || coords[1] === coords[3]) return null;
  return { kind: 'box', coords, label, at: 0 };
}

type Found = { at: number; end: number; shapes: Shape[] };

function fromCoordinates(text: string): Shape[] {
  const found: Found[] = [];
  const accept = (pattern: string, make: (match: RegExpMatchArray) => Shape[]) => {
    for (const match of text.matchAll(new RegExp(pattern, 'gi'))) {
      const at = match.index;
      const end = at + match[0].length;
      if (found.some((other) => at < other.end && end > other.at)) continue;
      const shapes = make(match);
      if (shapes.length) found.push({ at, end, shapes });
    }
  };
  const boxOf = (match: RegExpMatchArray) => [makeBox(match.slice(1, 5).map(numberOf), '')].filter((b) => b !== null);
  // Lists in double brackets first: of boxes, of points.
  for (const [open, close] of kBrackets) {
    const inner = `${open}\\s*(?:${kNumber})(?:${kSeparator}(?:${kNumber}))*\\s*${close}`;
    accept(`${open}\\s*${inner}(?:\\s*[,;]?\\s*${inner})*\\s*,?\\s*${close}`, (match) => listOf(match[0]));
  }
  accept(`\\(\\s*${kTwo}\\s*\\)\\s*,\\s*\\(\\s*${kTwo}\\s*\\)`, boxOf);
  for (const [open, close] of kBrackets) accept(`${open}\\s*${kFour}\\s*${close}`, boxOf);
  // A pair alone is a point only in square brackets: "(1, 2)" is also prose.
  accept(`\\[\\s*${kTwo}\\s*\\]`, (match) => [
    { kind: 'point', coords: [clamp(numberOf(match[1]!)), clamp(numberOf(match[2]!))], label: '', at: 0 },
  ]);
  found.sort((a, b) => a.at - b.at);
  const shapes: Shape[] = [];
  for (const each of found) {
    const label = labelBefore(text, each.at);
    each.shapes.forEach((shape, i) => shapes.push({ ...shape, at: each.at, label: label ? (each.shapes.length > 1 ? `${label} ${i + 1}` : label) : '' }));
  }
  return shapes.map((shape, i) => (shape.label ? shape : { ...shape, label: String(i + 1) }));
}

function clamp(n: number): number {
  return Math.min(1000, Math.max(0, n));
}

function listOf(text: string): Shape[] {
  const groups = Array.from(text.matchAll(new RegExp(`${kNumber}(?:${kSeparator}${kNumber})*`, 'g')), (match) =>
    Array.from(match[0].matchAll(new RegExp(kNumber, 'g')), (n) => numberOf(n[0])),
  );
  // A separator of groups may look like one of numbers; brackets tell.
  const inner = text.slice(1, -1).match(/[[({<][^\])}>[({<]*[\])}>]/g) ?? [];
  const rows = inner.length
    ? inner.map((row) => Array.from(row.matchAll(new RegExp(kNumber, 'g')), (n) => numberOf(n[0])))
    : groups;
  if (rows.every((row) => row.length === 4)) return rows.map((row) => makeBox(row, '')).filter((box) => box !== null);
  if (rows.every((row) => row.length === 2)) {
    const points = rows.map(([x, y]) => [clamp(x!), clamp(y!)] as [number, number]);
    if (points.length >= 3) return [{ kind: 'polygon', points, label: '', at: 0 }];
    return points.map((coords) => ({ kind: 'point', coords, label: '', at: 0 }));
  }
  return [];
}

// The phrase in front of the coordinates in their line, or the item of a list that they end.
function labelBefore(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  const phrase = line
    .replace(/<\|(?:begin|end)_of_box\|>/g, ' ')
    .replace(/^[\s>]*(?:[-*+]|\d+[.)])\s+/, '')
    .split(/[\])}>;。；]|\band\b|(?:[.,!?]\s)/)
    .at(-1)!
    .replace(/[*_`"“”'|]/g, '')
    .replace(/[\s:：=,，([{<-]+$/, '')
    .replace(/\s+(?:is|are|at|is at|位于|在)$/i, '')
    .trim();
  const letters = Array.from(phrase);
  return letters.length === 0 || letters.length > 40 || !/\p{L}/u.test(phrase) ? '' : phrase;
}

// Lists of objects with a box; of a list that was cut, the objects that are whole.
function fromJson(text: string): Shape[] {
  const shapes: Shape[] = [];
  for (const match of text.matchAll(/\{[^{}]*\}/g)) {
    let value: Record<string, unknown>;
    try {
      value = relaxedJson(match[0]) as Record<string, unknown>;
    } catch {
      continue;
    }
    const raw = value.bbox_2d ?? value.box_2d ?? value.bbox;
    if (!Array.isArray(raw)) continue;
    const rows = (Array.isArray(raw[0]) ? raw : [raw]) as unknown[][];
    for (const row of rows) {
      const box = makeBox(row.map(Number), String(value.label ?? ''));
      if (box) shapes.push({ ...box, at: match.index, label: box.label || String(shapes.length + 1) });
    }
  }
  return shapes;
}

// One colour for a label wherever it stands: a hash of it, turned by the golden angle.
export function hueOf(label: string): number {
  let hash = 0;
  for (const letter of label) hash = (hash * 31 + letter.codePointAt(0)!) >>> 0;
  return Math.round((hash % 997) * 137.508) % 360;
}
