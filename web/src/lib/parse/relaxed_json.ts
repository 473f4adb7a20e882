// The JSON that models write: with single quotes, Python's words, trailing commas. Throws where it is none.
export function relaxedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(strict(text));
  }
}

function strict(text: string): string {
  return text
    .replace(/'((?:[^'\\]|\\.)*)'/g, (_, inner: string) => JSON.stringify(inner.replace(/\\'/g, "'")))
    .replace(/\bTrue\b/g, 'true')
    .replace(/\bFalse\b/g, 'false')
    .replace(/\bNone\b/g, 'null')
    .replace(/,\s*([}\]])/g, '$1');
}
