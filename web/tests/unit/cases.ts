// Cases that the program's own tests read too.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function readCases<T>(name: string): T[] {
  const text = readFileSync(join(import.meta.dirname, '../../../tests/cases', `${name}.jsonl`), 'utf8');
  return text.trim().split('\n').map((line) => JSON.parse(line) as T);
}
