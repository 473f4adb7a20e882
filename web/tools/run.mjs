// node tools/run.mjs FILE.ts: runs a TypeScript program with Vite's module loader, as Node 20 has none.
import { resolve } from 'node:path';
import { runnerImport } from 'vite';

await runnerImport(resolve(process.argv[2]), { configFile: false, logLevel: 'error' });
