// Which picture, or page of a document, the boxes of an answer are of. The text may say so ("Image 2:
// [[...]]", "on page 4"); else the user chooses, beginning with the last picture or the first page.
import type { Shape } from '../parse/boxes';
import type { Part } from '../state/types';
import { chosenPages } from './pages';

export interface Target {
  part: Part;
  page: number; // of a document, from 1; of a picture 0
}

export function targetsOf(parts: Part[]): Target[] {
  return parts.flatMap((part) => {
    if (part.kind === 'image') return [{ part, page: 0 }];
    return part.kind === 'doc' ? chosenPages(part).map((page) => ({ part, page })) : [];
  });
}

const kOrdinals = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];
const kNumerals = '一二三四五六七八九十';
const kMention = new RegExp(
  String.raw`\b(image|picture|photo|page)\s*(?:no\.\s*|#\s*)?(\d{1,4})\b` +
    String.raw`|\b(${kOrdinals.join('|')})\s+(image|picture|photo|page)\b` +
    String.raw`|第\s*(\d{1,4}|[${kNumerals}])\s*(张|幅|页)|图(?:片|像)?\s*(\d{1,4})(?!\d)`,
  'gi',
);

interface Mention {
  at: number;
  target: number;
}

function find(targets: Target[], isPage: boolean, n: number): number {
  // Pages have their own numbers; where that one was not sent, they are counted like pictures.
  const page = isPage ? targets.findIndex((each) => each.page === n) : -1;
  return page >= 0 ? page : n >= 1 && n <= targets.length ? n - 1 : -1;
}

function mentionsIn(text: string, targets: Target[]): Mention[] {
  const mentions: Mention[] = [];
  for (const match of text.matchAll(kMention)) {
    const [, noun, digits, ordinal, nounBehind, chinese, counter, figure] = match;
    const word = digits ?? chinese ?? figure ?? '';
    const numeral = word ? kNumerals.indexOf(word) + 1 : kOrdinals.indexOf(ordinal!.toLowerCase()) + 1;
    const isPage = /page/i.test(noun ?? nounBehind ?? '') || counter === '页';
    const target = find(targets, isPage, numeral || Number(word));
    if (target >= 0) mentions.push({ at: match.index, target });
  }
  return mentions;
}

// For each shape the target that the text names last in front of it; null: it names none.
export function placesOf(text: string, shapes: Shape[], targets: Target[]): (number | null)[] {
  const mentions = targets.length > 1 ? mentionsIn(text, targets) : [];
  return shapes.map((shape) => mentions.findLast((each) => each.at < shape.at)?.target ?? null);
}

// The one that is shown first.
export function firstTarget(places: (number | null)[], targets: Target[]): number {
  const named = places.find((place) => place !== null);
  if (named !== undefined && named !== null) return named;
  const last = targets.at(-1);
  return last && last.page > 0 ? targets.findIndex((each) => each.part === last.part) : targets.length - 1;
}

// What is drawn on a target: what is of it, and what may be of any.
export function shapesOn(target: number, shapes: Shape[], places: (number | null)[]): Shape[] {
  return shapes.filter((_, i) => places[i] === null || places[i] === target);
}
