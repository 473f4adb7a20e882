// Times in answers about videos: "00:12", "1:02:03.5", "12.5s", "12 seconds", ranges of them.

export interface TimeMark {
  at: number; // in the text
  length: number;
  start: number; // seconds
  end?: number;
}

const kClock = String.raw`(?:\d{1,2}:)?\d{1,2}:\d{2}(?:\.\d+)?`;
const kSeconds = String.raw`\d+(?:\.\d+)?\s?(?:s|sec|secs|seconds|秒)(?![\p{L}\d])`;
const kTime = `(?:${kClock}|${kSeconds})`;
const kMark = new RegExp(
  String.raw`(?<![\p{L}\d:./])(${kTime})(?:\s*(?:-|–|—|~|to|至|到)\s*(${kTime}))?(?![\d:])`,
  'giu',
);

export function secondsOf(text: string): number {
  const clock = text.match(/\d+(?:\.\d+)?/g)!.map(Number);
  if (!text.includes(':')) return clock[0]!;
  return clock.reduce((sum, part) => sum * 60 + part, 0);
}

// Marks beyond `duration` are no times of the video: they stay text.
export function timeMarks(text: string, duration: number): TimeMark[] {
  const marks: TimeMark[] = [];
  for (const match of text.matchAll(kMark)) {
    const start = secondsOf(match[1]!);
    const end = match[2] === undefined ? undefined : secondsOf(match[2]);
    if (start > duration || (end !== undefined && end < start)) continue;
    marks.push({
      at: match.index,
      length: match[0].length,
      start,
      ...(end !== undefined ? { end: Math.min(end, duration) } : {}),
    });
  }
  return marks;
}
