// Sizes of what is loaded, the first paint, and long conversations.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { ask, openPage, scripted, sendText, settled, useSite, withPage } from './harness';

const site = useSite();

function archive(messages: number): Buffer {
  const texts = ['A short answer.', 'A **list**:\n\n- one\n- two\n- three\n\nand a paragraph that goes on for a while, so that lines break.', '```python\nfor i in range(3):\n    print(i)\n```', 'The root is $\\sqrt{2}$, about 1.41.', '| a | b |\n|---|---|\n| 1 | 2 |'];
  const conv = { id: 'clong', title: 'Long', named: true, created: 1, updated: 2, pinned: false, leaf: `m${messages - 1}`, params: {}, system: '' };
  const msgs = Array.from({ length: messages }, (_, i) => ({
    id: `m${i}`, conv: 'clong', parent: i ? `m${i - 1}` : null, role: i % 2 ? 'assistant' : 'user', status: 'done', stats: { perSecond: 9 }, created: i,
    text: i % 2 ? texts[(i >> 1) % texts.length] : `Question ${i}`, think: i % 4 === 1 ? 'A thought.' : '', parts: [],
  }));
  return Buffer.from(JSON.stringify({ format: 'glmv-conversations', v: 1, exported: 0, conversations: [{ conv, msgs }], blobs: {} }));
}

async function bring(page: Page, messages: number): Promise<void> {
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name: 'Data' }).click();
  await page.locator('#import').setInputFiles({ name: 'long.json', mimeType: 'application/json', buffer: archive(messages) });
  await page.locator('nav.rail a', { hasText: 'Long' }).waitFor();
  await page.keyboard.press('Escape');
}

// Tasks of the page's thread by the time that they computed: a busy machine may hold any of them up.
async function longestTasks(page: Page, run: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ['toplevel'] });
  await run();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: { name: string; ph: string; pid: number; tid: number; tdur?: number; args?: { name?: string } }[];
  };
  const main = new Set(traceEvents.filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`));
  const times = traceEvents.filter((e) => e.ph === 'X' && e.name.endsWith('RunTask') && main.has(`${e.pid} ${e.tid}`)).map((e) => (e.tdur ?? 0) / 1000);
  if (times.length === 0) throw new Error('the browser has told of no tasks');
  return times;
}

const gzipped = (name: string) => gzipSync(readFileSync(`dist/${name}`)).length;

describe('what is loaded', () => {
  test('the first scripts are small', () => {
    const html = readFileSync('dist/index.html', 'utf8');
    const first = Array.from(html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g), (m) => m[1]!);
    expect(first.reduce((sum, name) => sum + gzipped(name), 0)).toBeLessThan(80_000);
    const all = readdirSync('dist/assets').filter((name) => name.endsWith('.js')).map((name) => gzipped(`assets/${name}`));
    expect(all.reduce((sum, size) => sum + size, 0)).toBeLessThan(250_000);
    expect(readdirSync('dist/assets').filter((name) => /\.(?:ttf|woff)$/.test(name))).toEqual([]);
    expect(html).not.toMatch(/<script(?![^>]*src=)[^>]*>/);
  });
  test('nothing comes from elsewhere; the first paint is quick', async () => {
    const { page, context } = await openPage('about:blank');
    const hosts = new Set<string>();
    page.on('request', (request) => hosts.add(new URL(request.url()).origin));
    await page.goto(site.url);
    await page.locator('.chip .light').waitFor();
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0);
    expect(Array.from(hosts)).toEqual([new URL(site.url).origin]);
    expect(paint).toBeLessThan(1000);
    await context.close();
  });
});

describe('500 messages', () => {
  test('scroll without tasks of more than 50 ms', () =>
    withPage(site.url, async ({ page }) => {
      await bring(page, 500);
      await page.locator('nav.rail a', { hasText: 'Long' }).click();
      await page.locator('article').first().waitFor();
      await page.waitForTimeout(1500);
      const tasks = await longestTasks(page, async () => {
        await page.evaluate(async () => {
          const view = document.querySelector<HTMLElement>('[role=log]')!;
          for (let i = 0, still = 0; i < 3000 && still < 30; i++) {
            const before = view.scrollTop;
            view.scrollTop -= 200;
            await new Promise((go) => requestAnimationFrame(() => setTimeout(go, 4)));
            still = view.scrollTop >= before && before <= 1 ? still + 1 : 0;
          }
        });
      });
      expect(await page.locator('article').count()).toBe(500);
      expect(tasks.filter((ms) => ms > 50)).toEqual([]);
    }));

  scripted('do not slow down a stream, which never takes the view from one who reads above', () =>
    withPage(site.url, async ({ page }) => {
      await bring(page, 100);
      await page.locator('nav.rail a', { hasText: 'Long' }).click();
      await page.locator('article').first().waitFor();
      await sendText(page, 'script:slow');
      await page.locator('article.assistant').last().locator('.prose').waitFor();
      const view = page.locator('[role=log]');
      await expect.poll(() => view.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight)).toBeLessThan(80);
      await view.hover();
      await page.mouse.wheel(0, -600);
      await page.waitForTimeout(300);
      const top = await view.evaluate((node) => node.scrollTop);
      await page.waitForTimeout(1000);
      expect(Math.abs((await view.evaluate((node) => node.scrollTop)) - top)).toBeLessThan(4);
      await page.getByRole('button', { name: 'Jump to latest' }).click();
      await settled(page);
      await expect.poll(() => view.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight)).toBeLessThan(80);
    }));
});

test('an answer is told once, not word by word', () =>
  withPage(site.url, async ({ page }) => {
    await ask(page, 'Hello');
    expect(await page.locator('[role=log]').getAttribute('aria-live')).toBe('off');
    expect(await page.getByRole('status').first().innerText()).toContain('The answer is ready');
  }));
