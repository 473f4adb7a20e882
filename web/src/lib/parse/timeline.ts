// What happens when, in an answer about a video: what glmv/parsers/timeline.h reads, tested with the
// same cases (tests/cases/timeline.jsonl).
import { relaxedJson } from './relaxed_json';
import { isLetter, timeAt, wholeTime, type WrittenTime } from './written_time';

export interface TimeMark {
  at: number; // in the text
  length: number;
  start: number; // seconds
  end?: number;
  text: string; // what happens; may be empty
  reordered: boolean; // written with the end first
  beyond: boolean; // begins or ends behind the end of the video
}

const kMaxText = 500;
const kLookBack = 200;
const kToleranceS = 0.5; // models round to seconds
const kBeginKeys = ['start', 'begin', 'from', 'start_time', 'begin_time', 'start_s', 'begin_s', 'time', 'timestamp', 'time_range', 'range'];
const kEndKeys = ['end', 'to', 'stop', 'end_time', 'end_s'];
const kTextKeys = ['event', 'description', 'label', 'caption', 'text', 'title', 'name', 'content', 'action'];
// Between the two ends of a range. Words need a blank behind them.
const kSeparator = /[ \t\])*`"]*(?:-->|->|→|-|–|—|~|～|〜|至|到|(?:to|until|till|through)(?= ))/y;
const kBeforeEnd = /[ \t[(*`"]*/y;
// In front of a number with a unit in its line, so that it is a moment: nothing but marks, or a word.
const kOnlyMarks = /^[\d \t.)([\]\-*#>"`]*$/;
const kMomentWord = /(?:(?:^|[^A-Za-z])(?:at|around|about|after|from|by)|@|在|第|从)\s*$/i;
const kEdges = [':', '-', '*', '|', ',', ';', ']', ')', '[', '(', '`', '"', '#', '>', '=', '–', '—', '：', '，', '）', '（', '】', '【', '•'];
const kTrailingWords = ['from', 'at', 'between', 'during', 'is', 'occurs', 'happens', '从', '在'];

function withoutEdges(text: string): string {
  for (let rest = text.trim(); ; text = rest) {
    if (kEdges.includes(rest[0] ?? ' ')) rest = rest.slice(1).trim();
    if (kEdges.includes(rest.at(-1) ?? ' ')) rest = rest.slice(0, -1).trim();
    if (rest === text) return rest;
  }
}

function oneLine(text: string): string {
  return text.replace(/<\|(?:begin|end)_of_box\|>/g, '').replace(/\s+/g, ' ').trim().slice(0, kMaxText);
}

function ordered(mark: TimeMark, duration: number): TimeMark {
  if (mark.end !== undefined && mark.start > mark.end) {
    [mark.start, mark.end] = [mark.end, mark.start];
    mark.reordered = true;
  }
  mark.beyond = duration > 0 && (mark.end ?? mark.start) > duration + kToleranceS;
  return mark;
}

// Times in running text.
class LineReader {
  private marks: TimeMark[] = [];

  constructor(
    private readonly text: string,
    private readonly duration: number,
  ) {}

  read(): TimeMark[] {
    const number = /\d/g;
    for (let found = number.exec(this.text); found; found = number.exec(this.text)) {
      const mark = this.markAt(found.index);
      if (mark) this.marks.push(mark);
      number.lastIndex = mark ? mark.at + mark.length : this.numberEnd(found.index);
    }
    this.marks.forEach((mark, i) => (mark.text = this.textOf(i)));
    return this.marks;
  }

  // Behind the digits and what belongs to their number, so that no part of it is read by itself.
  private numberEnd(from: number): number {
    const number = /(?:\d|[.:](?=\d))+/y;
    number.lastIndex = from;
    number.test(this.text);
    return number.lastIndex;
  }

  private markAt(at: number): TimeMark | null {
    if (at > 0 && /[A-Za-z_]/.test(this.text[at - 1]!)) return null;
    const first = timeAt(this.text, at);
    if (!first) return null;
    const second = this.endBehind(first.end);
    const mark = { at, length: first.end - at, start: first.seconds, text: '', reordered: false, beyond: false };
    if (second && this.areRange(first, second)) {
      const start = first.hasUnit || first.isClock ? first.seconds : first.seconds * second.scale;
      return ordered({ ...mark, length: second.end - at, start, end: second.seconds }, this.duration);
    }
    if (!first.isClock && !(first.hasUnit && this.isMoment(at))) return null;
    return ordered(mark, this.duration);
  }

  private endBehind(at: number): WrittenTime | null {
    kSeparator.lastIndex = at;
    if (!kSeparator.test(this.text)) return null;
    kBeforeEnd.lastIndex = kSeparator.lastIndex;
    kBeforeEnd.test(this.text);
    return timeAt(this.text, kBeforeEnd.lastIndex);
  }
  private areRange(first: WrittenTime, second: WrittenTime): boolean {
    return first.hasUnit || first.isClock ? second.hasUnit || second.isClock : second.hasUnit && !second.isClock;
  }

  // Whether a number with a unit says when, not how long.
  private isMoment(at: number): boolean {
    const from = Math.max(0, at - kLookBack);
    const before = this.text.slice(from, at);
    const line = before.slice(before.lastIndexOf('\n') + 1);
    const isWhole = from === 0 || line.length < before.length;
    return (isWhole && kOnlyMarks.test(line)) || kMomentWord.test(line);
  }

  private textOf(i: number): string {
    const { at, length } = this.marks[i]!;
    const end = at + length;
    const next = this.marks[i + 1]?.at ?? this.text.length;
    const newline = this.text.indexOf('\n', end);
    const lineEnd = newline < 0 ? this.text.length : newline;
    const after = withoutEdges(this.text.slice(end, Math.max(end, Math.min(lineEnd, next))));
    return oneLine(after || this.textBefore(i) || this.linesBelow(lineEnd, next));
  }

  private textBefore(i: number): string {
    const { at } = this.marks[i]!;
    const last = this.marks[i - 1];
    const from = Math.max(last ? last.at + last.length : 0, at - kLookBack);
    const before = this.text.slice(from, at);
    let text = withoutEdges(before.slice(before.lastIndexOf('\n') + 1));
    for (let shorter = ''; shorter !== text; ) {
      shorter = text;
      for (const word of kTrailingWords) {
        const rest = text.slice(0, -word.length);
        if (text.endsWith(word) && !(isLetter(word[0]) && rest !== '' && !rest.endsWith(' '))) text = withoutEdges(rest);
      }
    }
    // A list's number is no text.
    return /^\d*$/.test(text) ? '' : withoutEdges(text.replace(/^\d+[.)]/, ''));
  }

  // The lines behind a line of times alone, up to an empty one or the next times.
  private linesBelow(lineEnd: number, next: number): string {
    if (lineEnd >= next) return '';
    const below = this.text.slice(lineEnd + 1, next);
    const gap = below.indexOf('\n\n');
    if (gap >= 0) return withoutEdges(below.slice(0, gap));
    // The last line belongs to the next times.
    return withoutEdges(next < this.text.length ? below.slice(0, Math.max(0, below.lastIndexOf('\n'))) : below);
  }
}

export function lineMarks(text: string, duration: number): TimeMark[] {
  return new LineReader(text, duration).read();
}

type Fields = Record<string, unknown>;
const memberOf = (fields: Fields, keys: string[]): unknown => fields[keys.find((key) => key in fields) ?? ''];

// Seconds as a number, or a moment as text.
function jsonTime(value: unknown): number | null {
  if (typeof value === 'number') return value >= 0 && value <= 1e7 ? value : null;
  return typeof value === 'string' ? wholeTime(value) : null;
}

function jsonMark(fields: Fields, at: number, length: number, duration: number): TimeMark | null {
  const begin = memberOf(fields, kBeginKeys);
  const end = memberOf(fields, kEndKeys);
  const what = memberOf(fields, kTextKeys);
  if (begin === undefined || (typeof begin === 'object' && !Array.isArray(begin)) || (end === undefined && what === undefined)) return null;
  let start = Array.isArray(begin) ? null : jsonTime(begin);
  let stop: number | null = null;
  if (Array.isArray(begin) && begin.length === 2) [start, stop] = begin.map(jsonTime) as [number | null, number | null];
  else if (start === null && typeof begin === 'string') {
    const inner = lineMarks(begin, 0);
    if (inner.length === 1) [start, stop] = [inner[0]!.start, inner[0]!.end ?? null];
  }
  if (end !== undefined) stop = jsonTime(end);
  if (start === null) return null;
  const text = typeof what === 'string' ? oneLine(what) : '';
  return ordered({ at, length, start, ...(stop === null ? {} : { end: stop }), text, reordered: false, beyond: false }, duration);
}

// The last whole list of objects with times; without one, the objects that are whole.
function jsonMarks(text: string, duration: number): TimeMark[] {
  const lists: { marks: TimeMark[]; whole: boolean; end: number }[] = [];
  for (const match of text.matchAll(/\{[^{}]*\}/g)) {
    let mark: TimeMark | null = null;
    try {
      mark = jsonMark(relaxedJson(match[0]) as Fields, match.index, match[0].length, duration);
    } catch {
      continue;
    }
    if (!mark) continue;
    const last = lists.at(-1);
    const joined = last && /^[\s,]*$/.test(text.slice(last.end, match.index));
    const list = joined ? last : { marks: [], whole: /\[\s*$/.test(text.slice(Math.max(0, match.index - 50), match.index)), end: 0 };
    if (!joined) lists.push(list);
    list.marks.push(mark);
    list.end = match.index + match[0].length;
  }
  const whole = lists.findLast((list) => list.whole && /^[\s,]*\]/.test(text.slice(list.end, list.end + 50)));
  return whole ? whole.marks : lists.flatMap((list) => list.marks);
}

// `duration`: of the video; 0: not known.
export function parseTimeline(answer: string, duration: number): TimeMark[] {
  const marks = jsonMarks(answer, duration);
  return marks.length > 0 ? marks : lineMarks(answer, duration);
}
