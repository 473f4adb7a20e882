// Moments as people and models write them: glmv/parsers/written_time.h.

export interface WrittenTime {
  seconds: number;
  hasUnit: boolean; // "12.5s", "1 min 30 s"
  isClock: boolean; // "1:30", "1:02:03.5"
  scale: number; // seconds in the unit, where there is one only
  end: number; // behind it in the text
}

const kMostSeconds = 1e7;

// Longer words first. A lone "m" is a metre.
const kUnits: [word: string, seconds: number][] = [
  ['seconds', 1], ['second', 1], ['secs', 1], ['sec', 1], ['s', 1],
  ['minutes', 60], ['minute', 60], ['mins', 60], ['min', 60],
  ['hours', 3600], ['hour', 3600], ['hrs', 3600], ['hr', 3600], ['h', 3600],
  ['秒', 1], ['分钟', 60], ['分', 60], ['小时', 3600], ['时', 3600],
];

const isDigit = (letter: string | undefined) => letter !== undefined && letter >= '0' && letter <= '9';
export const isLetter = (letter: string | undefined) => letter !== undefined && /^[A-Za-z]$/.test(letter);

interface Read {
  value: number;
  end: number;
}

function digitsEnd(text: string, from: number): number {
  let end = from;
  while (isDigit(text[end])) end++;
  return end;
}

function numberAt(text: string, from: number, withFraction: boolean): Read | null {
  let end = digitsEnd(text, from);
  if (end === from || end - from > 9) return null;
  if (withFraction && text[end] === '.' && isDigit(text[end + 1])) end = digitsEnd(text, end + 1);
  return { value: Number(text.slice(from, end)), end };
}

// The rest of mm:ss or hh:mm:ss behind its first number. Its parts have two digits: 16:9 is a ratio.
function clockAt(text: string, from: number, first: number): Read | null {
  let value = first;
  let end = from;
  for (let parts = 1; parts < 3 && text[end] === ':' && isDigit(text[end + 1]); parts++) {
    const partEnd = digitsEnd(text, end + 1);
    const part = Number(text.slice(end + 1, partEnd));
    if (partEnd - end !== 3 || part >= 60) return null;
    value = value * 60 + part;
    end = partEnd;
  }
  if (text[end] === ':' && isDigit(text[end + 1])) return null;
  const fractionEnd = digitsEnd(text, end + 1);
  const isFraction = text[end] === '.' || (text[end] === ',' && fractionEnd - end === 4);
  if (isFraction && fractionEnd > end + 1) {
    value += Number(`0.${text.slice(end + 1, fractionEnd)}`);
    end = fractionEnd;
  }
  return { value, end };
}

// The unit behind at most one blank.
function unitAt(text: string, at: number): Read | null {
  const from = text[at] === ' ' ? at + 1 : at;
  for (const [word, seconds] of kUnits) {
    const end = from + word.length;
    // "5m30s": letters may be followed by a number, not by more letters.
    if (text.startsWith(word, from) && !(isLetter(word[0]) && isLetter(text[end]))) return { value: seconds, end };
  }
  return text[from] === 'm' && isDigit(text[from + 1]) ? { value: 60, end: from + 1 } : null;
}

export function timeAt(text: string, at: number): WrittenTime | null {
  const whole = numberAt(text, at, false);
  if (!whole) return null;
  if (text[whole.end] === ':' && isDigit(text[whole.end + 1])) {
    const clock = clockAt(text, whole.end, whole.value);
    if (!clock || clock.value > kMostSeconds) return null;
    return { seconds: clock.value, hasUnit: false, isClock: true, scale: 1, end: clock.end };
  }
  let next = numberAt(text, at, true)!;
  let end = next.end;
  let seconds = 0;
  let smallest = Infinity;
  let numUnits = 0;
  for (let unit = unitAt(text, next.end); unit; unit = unitAt(text, next.end)) {
    if (unit.value >= smallest) return null;
    smallest = unit.value;
    seconds += next.value * unit.value;
    numUnits++;
    end = unit.end;
    const more = numberAt(text, text[end] === ' ' ? end + 1 : end, true);
    if (!more) break;
    next = more;
  }
  if (numUnits === 0) seconds = next.value;
  if (seconds > kMostSeconds) return null;
  return { seconds, hasUnit: numUnits > 0, isClock: false, scale: numUnits === 1 ? smallest : 1, end };
}

// `text` as a whole, without white space around it.
export function wholeTime(text: string): number | null {
  const trimmed = text.trim();
  const time = timeAt(trimmed, 0);
  return time && time.end === trimmed.length ? time.seconds : null;
}
