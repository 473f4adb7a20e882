// The languages that answers are written in most; others are shown without colours.
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import json from 'highlight.js/lib/languages/json';
import latex from 'highlight.js/lib/languages/latex';
import python from 'highlight.js/lib/languages/python';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const kLanguages = { bash, cpp, css, go, java, json, latex, python, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(kLanguages)) hljs.registerLanguage(name, language);
hljs.registerAliases(['sh', 'shell', 'zsh', 'console'], { languageName: 'bash' });
hljs.registerAliases(['c', 'cuda'], { languageName: 'cpp' });
// Its grammar holds a copy of JavaScript's.
hljs.registerAliases(['javascript', 'js', 'jsx', 'mjs', 'cjs'], { languageName: 'typescript' });
hljs.registerAliases(['tex'], { languageName: 'latex' });
hljs.registerAliases(['svelte', 'vue'], { languageName: 'xml' });

const kMost = 100_000; // characters; colours of more would hold the page up

export function highlightCode(code: string, language: string): string | null {
  if (!hljs.getLanguage(language) || code.length > kMost) return null;
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
