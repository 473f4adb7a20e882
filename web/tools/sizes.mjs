// npm run sizes: what the build weighs, gzipped, the first load apart.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const html = readFileSync('dist/index.html', 'utf8');
const rows = readdirSync('dist/assets')
  .filter((name) => !name.endsWith('.gz'))
  .map((name) => ({ name, raw: readFileSync(`dist/assets/${name}`).length, first: html.includes(name) }))
  .map((row) => ({ ...row, gzip: gzipSync(readFileSync(`dist/assets/${row.name}`)).length }))
  .sort((a, b) => b.gzip - a.gzip);
const sum = (kind, first) =>
  rows.filter((row) => row.name.endsWith(kind) && (!first || row.first)).reduce((total, row) => total + row.gzip, 0);
for (const row of rows.filter((each) => !each.name.endsWith('.woff2'))) {
  console.log(`${String(row.gzip).padStart(7)} ${row.first ? 'first' : '     '} ${row.name}`);
}
console.log(`scripts: ${sum('.js', true)} first, ${sum('.js', false)} in all; styles: ${sum('.css', true)} first, ${sum('.css', false)} in all`);
console.log(`fonts: ${rows.filter((row) => row.name.endsWith('.woff2')).reduce((total, row) => total + row.raw, 0)}`);
