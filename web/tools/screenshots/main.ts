// npm run screenshots [NAME...]: pictures of every screen, light and dark, wide and 360 px, into
// docs/pictures/web, with 128 colours each.
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import UPNG from 'upng-js';
import { FakeServer } from '../../tests/fake_server';
import { history } from './history';
import { kScreens } from './screens';

const kFolder = resolve('../docs/pictures/web');
const kColours = 128;
const wanted = process.argv.slice(3);

function packed(png: Buffer): Buffer {
  const bytes = new Uint8Array(png).buffer;
  const image = UPNG.decode(bytes);
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, kColours));
}

const server = await new FakeServer({ dist: resolve('dist'), delayMs: 3 }).start();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
mkdirSync(kFolder, { recursive: true });
for (const screen of kScreens) {
  if (wanted.length > 0 && !wanted.includes(screen.name)) continue;
  for (const theme of ['light', 'dark'] as const) {
    for (const narrow of screen.narrow ? [false, true] : [false]) {
      const context = await browser.newContext({
        viewport: narrow ? { width: 360, height: 720 } : { width: 1280, height: 800 },
        colorScheme: theme, locale: 'en-US', hasTouch: narrow,
      });
      const page = await context.newPage();
      await page.goto(server.url);
      await page.keyboard.press('Control+,');
      await page.getByRole('tab', { name: 'Data' }).click();
      await page.locator('#import').setInputFiles({ name: 'history.json', mimeType: 'application/json', buffer: Buffer.from(history()) });
      await page.locator('.toast').waitFor();
      await page.reload();
      await page.locator('.chip .light').waitFor();
      await screen.show(page);
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
