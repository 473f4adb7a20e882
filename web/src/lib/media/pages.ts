// "1-3,7": pages of a document.
import type { Info } from '../api/types';
import type { Part } from '../state/types';

export function pagesIn(selection: string, most: number): Set<number> {
  const pages = new Set<number>();
  for (const range of selection.split(',')) {
    const match = /^\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?$/.exec(range);
    if (!match) continue;
    const [a, b] = [Number(match[1]), Number(match[2] ?? match[1])];
    const to = Math.min(Math.max(a, b), most);
    for (let page = Math.max(1, Math.min(a, b)); page <= to; page++) pages.add(page);
  }
  return pages;
}

// Empty: all of them.
export function selectionOf(pages: Iterable<number>, most: number): string {
  const sorted = Array.from(new Set(pages)).sort((a, b) => a - b);
  if (sorted.length === 0 || sorted.length === most) return '';
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let j = i;
    while (sorted[j + 1] === sorted[j]! + 1) j++;
    ranges.push(i === j ? `${sorted[i]}` : `${sorted[i]}-${sorted[j]}`);
    i = j + 1;
  }
  return ranges.join(',');
}

// What is typed into a field, as a selection ('': all). undefined: no page of the document is meant.
export function typedSelection(text: string, most: number): string | undefined {
  const pages = pagesIn(text, most);
  return text.trim() !== '' && pages.size === 0 ? undefined : selectionOf(pages, most);
}

// Those that a message with this document shows.
export function chosenPages(part: Part): number[] {
  const most = part.pages ?? 1;
  if (part.pageSel) return Array.from(pagesIn(part.pageSel, most)).sort((a, b) => a - b);
  return Array.from({ length: most }, (_, i) => i + 1);
}

// How many pages a message takes, where more are chosen (or none yet of too many); null: all is well.
export function pagesOver(part: Part, info: Info | null): number | null {
  if (part.kind !== 'doc' || !info) return null;
  const most = info.limits.doc_pages;
  return chosenPages(part).length > most ? most : null;
}
