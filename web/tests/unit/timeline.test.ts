// Times in answers about videos: the cases of glmv/parsers/timeline_test.cc, and what the page adds.
import { describe, expect, test } from 'vitest';
import { renderMarkdown } from '../../src/lib/markdown/render';
import { lineMarks, parseTimeline } from '../../src/lib/parse/timeline';
import { wholeTime } from '../../src/lib/parse/written_time';
import { readCases } from './cases';

interface Event {
  begin: number;
  end?: number;
  text?: string;
  reordered?: boolean;
  beyond?: boolean;
}

describe('the cases of the program', () => {
  test.each(readCases<{ name: string; text: string; duration: number; events: Event[] }>('timeline'))('$name', ({ text, duration, events }) => {
    const marks = parseTimeline(text, duration);
    expect(marks.map(({ start, end }) => [start, end])).toEqual(events.map(({ begin, end }) => [begin, end]));
    marks.forEach((mark, i) => {
      const { text: what = mark.text, reordered = false, beyond = false } = events[i]!;
      expect(mark).toMatchObject({ text: what, reordered, beyond });
      expect(mark.length).toBeGreaterThan(0);
      expect(mark.at + mark.length).toBeLessThanOrEqual(text.length);
    });
  });
});

test.each<[string, number | null]>([
  [' 1:02:03.5 ', 3723.5], ['12', 12], ['1 h 1 min 1 s', 3661], ['00:00:10,250', 10.25], ['3秒', 3],
  ['', null], ['x', null], ['-1', null], ['1:02:03:04', null], ['1:60', null], ['12 sheep', null], ['1 s 1 min', null], ['1e9', null], ['5m', null],
])('%j alone', (text, seconds) => expect(wholeTime(text)).toBe(seconds));

describe('in running text', () => {
  test.each<[string, [number, number?][]]>([
    ['at 12 min 5 s it turns', [[725]]],
    ['it lasts for 5 seconds', []],
    ['from 00:03 - 00:04', [[3, 4]]],
    ['1.5s to 3s', [[1.5, 3]]],
    ['0:02–0:05 and 0:07', [[2, 5], [7]]],
    ['00:01至00:03', [[1, 3]]],
    ['ratio 16:9', []],
    ['5 sheep', []],
    ['2s', [[2]]],
  ])('%s', (text, marks) => {
    expect(lineMarks(text, 800).map((mark) => (mark.end === undefined ? [mark.start] : [mark.start, mark.end]))).toEqual(marks);
  });
  test('of any kind: ends in order, and soon', () => {
    const alphabet = Array.from('0123456789:::..-~ \n,sminh[](){}"start至秒');
    let seed = 7;
    const next = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: next(60) }, () => alphabet[next(alphabet.length)]).join('');
      for (const mark of parseTimeline(text, 60)) expect(mark.start >= 0 && mark.start <= (mark.end ?? mark.start), text).toBe(true);
    }
    const start = Date.now();
    for (const unit of ['0:05-0:10 ', '0:05 x\n', '5 s ', '[{"start":1,', '1:', '9']) parseTimeline(unit.repeat(20_000), 60);
    expect(Date.now() - start).toBeLessThan(8000);
  });
});

describe('what a time stands in is read with it', () => {
  test.each<[string, (string | RegExp)[], RegExp?]>([
    ['- **5.5s** the picture fades', ['data-time="5.5"']],
    ['It waits for **5 s**.', [], /<button/],
    ['**00:01** - **00:04** x', ['data-time="1">00:01</button>', 'data-time="4">00:04</button>']],
    ['| time | what |\n|---|---|\n| 00:03 | a |\n| 5 s | a length |', ['data-time="3"'], /data-time="5"/],
    ['at 12 min 5 s it turns', ['data-time="725">12 min 5 s</button>'], /data-time="5"/],
    ['[at 00:03](https://example.org)', ['href'], /<button/],
    ['see https://example.org/00:01', ['href="https://example.org/00:01"'], /<button/],
    ['at 99:00 it ends', [/<span class="time beyond" title="[^"]+">99:00<\/span>/], /<button/],
    ['00:10 - 99:00', [/<button type="button" class="time beyond" data-time="10" title/]],
    ['It is <|begin_of_box|>00:03<|end_of_box|> then', ['data-time="3"']],
  ])('%j', (text, has, hasNot = /\0/) => {
    const html = renderMarkdown(text, 800);
    for (const piece of has) expect(html).toMatch(typeof piece === 'string' ? new RegExp(piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : piece);
    expect(html).not.toMatch(hasNot);
  });
});
