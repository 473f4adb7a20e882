import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

// Browsers that run this page read woff2; KaTeX's style sheet also names two older forms of each
// font, which would be embedded in the binary for nothing.
function woff2Only(): Plugin {
  return {
    name: 'woff2-only',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('katex') || !/\.css/.test(id)) return null;
      return code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\(["'][^"']*["']\)/g, '');
    },
  };
}

// A text that one language lacks stops the build.
function sameKeys(): Plugin {
  return {
    name: 'same-keys',
    buildStart() {
      const [en, zh] = ['en', 'zh'].map((name) => Object.keys(JSON.parse(readFileSync(`src/lib/i18n/${name}.json`, 'utf8'))));
      const odd = [...en!.filter((key) => !zh!.includes(key)), ...zh!.filter((key) => !en!.includes(key))];
      if (odd.length > 0) this.error(`texts that only one language has: ${odd.join(', ')}`);
    },
  };
}

// NAME.gz beside each file that gets smaller by it: the server packs nothing.
function gzipped(): Plugin {
  return {
    name: 'gzipped',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (!entry.isFile() || /\.(?:gz|woff2)$/.test(path)) continue;
        const bytes = readFileSync(path);
        const packed = gzipSync(bytes, { level: 9 });
        if (packed.length < bytes.length * 0.9) writeFileSync(`${path}.gz`, packed);
      }
    },
  };
}

const server = process.env.GLMV_SERVER ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [sameKeys(), woff2Only(), svelte(), gzipped()],
  base: './',
  server: { proxy: { '/v1': server, '/api': server, '/health': server } },
  build: {
    target: 'es2022',
    // light-dark() stays as it is.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // What is embedded in the binary carries the licences of its parts.
    license: { fileName: 'licences.md' },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
});
