// npm run screenshots [NAME...]: pictures of every screen, light and dark, wide and 360 px, into
// docs/pictures/web, with 128 colours each.
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import UPNG from 'upng-js';
import { FakeServer } from '../../tests/fake_server';
import { makeArt } from './art';
import { kScreens, type Screen } from './screens';
import { Talks } from './talks';

const kFolder = process.env.FOLDER ?? resolve('../docs/pictures/web');
const kColours = 128;
const wanted = process.argv.slice(3);

function packed(png: Buffer): Buffer {
  const bytes = new Uint8Array(png).buffer;
  const image = UPNG.decode(bytes);
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, kColours));
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'] });
const art = await makeArt(browser);
const talks = new Talks(art);
const all = talks.all();
// The limits of glmv serve with its defaults.
const server = await new FakeServer({
  dist: resolve('dist'), delayMs: 3, pages: art.pages, still: art.still,
  info: {
    capabilities: { mix: true },
    limits: { images: 64, docs: 4, file_bytes: 128 << 20, image_bytes: 32 << 20, video_bytes: 128 << 20, doc_bytes: 30 << 20 },
  },
}).start();

async function bring(page: Page, screen: Screen): Promise<void> {
  const talk = screen.talk ? all[screen.talk]! : null;
  const archive = talks.archive(talk ? [talk] : [], screen.chinese ? 'zh' : 'en');
  await page.keyboard.press('Control+,');
  await page.locator('#tab-data').click();
  await page.locator('#import').setInputFiles({ name: 'talks.json', mimeType: 'application/json', buffer: Buffer.from(archive) });
  await page.locator('.toast').waitFor();
  if (talk) await page.evaluate((id) => (location.hash = `#/c/${id}`), talk.id);
  await page.reload();
  if (talk) {
    await page.locator('article.assistant').last().waitFor();
    for (const image of await page.locator('article.user .strip button').all()) await image.locator('img').waitFor();
    await page.waitForTimeout(600);
    await page.locator('[role=log]').evaluate((node) => node.scrollTo(0, node.scrollHeight));
  } else {
    await page.locator('.chip .light').waitFor();
  }
}

mkdirSync(kFolder, { recursive: true });
for (const screen of kScreens) {
  if (wanted.length > 0 && !wanted.includes(screen.name)) continue;
  for (const theme of ['light', 'dark'] as const) {
    for (const narrow of screen.narrow ? [false, true] : [false]) {
      const context = await browser.newContext({
        viewport: narrow ? { width: 360, height: 720 } : { width: 1280, height: screen.height ?? 800 },
        colorScheme: theme, locale: screen.chinese ? 'zh-CN' : 'en-US', hasTouch: narrow,
      });
      const page = await context.newPage();
      await page.goto(server.url);
      await bring(page, screen);
      await screen.show?.(page, art);
      await page.waitForTimeout(700);
      const name = `${screen.name}-${theme}${narrow ? '-360' : ''}.png`;
      writeFileSync(join(kFolder, name), packed(await page.screenshot()));
      await context.close();
      console.log(name);
    }
  }
}
await browser.close();
await server.kill();
const total = readdirSync(kFolder).reduce((sum, name) => sum + statSync(join(kFolder, name)).size, 0);
console.log(`${Math.round(total / 1000)} kB in all`);
