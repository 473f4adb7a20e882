// Texts in the chosen language. English is in the first load; Chinese comes when it is asked for.
import en from './en.json';

export type Key = keyof typeof en;
export type Language = 'en' | 'zh';
type Dictionary = Record<Key, string>;

const loaded: Partial<Record<Language, Dictionary>> = { en };
const current = $state<{ language: Language; texts: Dictionary }>({ language: 'en', texts: en });

export async function setLanguage(language: Language): Promise<void> {
  loaded[language] ??= (await import('./zh.json')).default as Dictionary;
  current.texts = loaded[language]!;
  current.language = language;
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
}

export function language(): Language {
  return current.language;
}

// {name} in a text is replaced by values.name. A key with forms is "key.one" and "key.other",
// chosen by values.n.
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = current.texts[key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === 'number' ? number(value) : value;
  });
}

type Counted = Key extends infer K ? (K extends `${infer Base}.one` ? Base : never) : never;

export function count(key: Counted, n: number): string {
  const form = new Intl.PluralRules(current.language).select(n) === 'one' ? 'one' : 'other';
  return t(`${key}.${form}` as Key, { n });
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(current.language, { maximumFractionDigits: digits }).format(value);
}

export function bytes(value: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let i = 0;
  let size = value;
  while (size >= 1000 && i < units.length - 1) {
    size /= 1000;
    i++;
  }
  return new Intl.NumberFormat(current.language, {
    style: 'unit',
    unit: units[i],
    unitDisplay: i === 0 ? 'narrow' : 'short',
    maximumFractionDigits: i < 2 || size >= 100 ? 0 : 1,
  }).format(size);
}

export function seconds(value: number): string {
  return new Intl.NumberFormat(current.language, {
    style: 'unit',
    unit: 'second',
    unitDisplay: 'narrow',
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

// m:ss, from an hour on h:mm:ss; with `digits` 1 and tenths of a second, where there are any.
export function clock(value: number, digits: 0 | 1 = 0): string {
  const tenths = digits === 1 ? Math.round(value * 10) : Math.floor(value) * 10;
  const whole = Math.floor(tenths / 10);
  const rest = `${String(Math.floor(whole / 60) % 60).padStart(whole >= 3600 ? 2 : 1, '0')}:${String(whole % 60).padStart(2, '0')}`;
  const fraction = tenths % 10 === 0 ? '' : `.${tenths % 10}`;
  return (whole >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest) + fraction;
}

export function dateTime(ms: number): string {
  return new Intl.DateTimeFormat(current.language, { dateStyle: 'medium', timeStyle: 'short' }).format(ms);
}

export function day(ms: number): string {
  return new Intl.DateTimeFormat(current.language, { day: 'numeric', month: 'long', year: 'numeric' }).format(ms);
}

export function relativeDay(days: number): string {
  return new Intl.RelativeTimeFormat(current.language, { numeric: 'auto' }).format(-days, 'day');
}
