// What a stranger does first with the embedded model: only against glmv serve (tools/test_web real).
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { ask, kRealServer, lastReply, sendText, settled, useSite, withPage } from './harness';
import { slides, transfer, type TestFile } from './media_files';

const site = useSite();

const file = (path: string, mimeType: string): TestFile => ({ name: path.split('/').pop()!, mimeType, buffer: readFileSync(`../${path}`) });

// A picture with a number on it, as the embedded model has learned to read it.
async function sign(page: Page, digits: string): Promise<TestFile> {
  const base64 = await page.evaluate((text) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 112, height: 112 });
    const pen = canvas.getContext('2d')!;
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, 112, 112);
    pen.fillStyle = '#111';
    pen.font = 'bold 40px "DejaVu Sans", sans-serif';
    pen.textAlign = 'center';
    pen.fillText(text, 56, 70);
    return canvas.toDataURL('image/png').split(',')[1]!;
  }, digits);
  return { name: 'sign.png', mimeType: 'image/png', buffer: Buffer.from(base64, 'base64') };
}

// Answers as long as they get, and the same each time.
const settings = () => ({ cookies: [], origins: [{ origin: site.url, localStorage: [{ name: 'glmv-settings', value: JSON.stringify({ params: { temperature: 0 } }) }] }] });

async function askAnew(page: Page, dropped: TestFile, question: string): Promise<string> {
  await page.getByRole('button', { name: 'New chat' }).click();
  await transfer(page, 'drop', [dropped]);
  await page.locator('li[data-state=ready]').waitFor();
  await ask(page, question);
  expect(await lastReply(page).getAttribute('data-status')).toBe('done');
  await page.locator('article.user .strip').waitFor();
  return lastReply(page).innerText();
}

test.skipIf(!kRealServer)(
  'a photo with text, a PDF, slides, a video; boxes; stop, edit, branch, export',
  () =>
    withPage(site.url, async ({ page }) => {
      expect(await askAnew(page, await sign(page, '583'), 'Read the number. /nothink')).toContain('583');

      const document = await askAnew(page, file('tests/golden/documents/three_pages.pdf', 'application/pdf'), 'What is on these pages?');
      expect(document.length).toBeGreaterThan(0);
      expect(await page.locator('article.user .badge').innerText()).toContain('3 pages');
      await askAnew(page, slides(), 'What is it about?');
      await askAnew(page, file('tests/golden/video/half_second.mp4', 'video/mp4'), 'What happens?');
      await page.getByRole('button', { name: 'Open half_second.mp4' }).click();
      await page.getByRole('dialog').getByRole('slider', { name: 'Position' }).waitFor();
      await page.keyboard.press('Escape');

      await askAnew(page, file('examples/pictures/shapes.png', 'image/png'), 'Locate the red circle.');
      const figure = lastReply(page).locator('figure');
      expect(await figure.locator('rect').count()).toBe(1);

      // The embedded model would have ended before a click: for once it goes on and on.
      const kCompletions = '**/v1/chat/completions';
      await page.route(kCompletions, (route) =>
        route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), ignore_eos: true, temperature: 2 }) }));
      await sendText(page, 'Locate the blue star.');
      await page.getByRole('button', { name: 'Stop' }).click();
      await settled(page);
      await page.unroute(kCompletions);
      expect(await lastReply(page).getAttribute('data-status')).toBe('stopped');

      const asked = page.locator('article.user').first();
      await asked.hover();
      await asked.getByRole('button', { name: 'Edit message' }).click();
      const area = page.getByRole('textbox', { name: 'Edit message' });
      await area.fill('How many objects are there?');
      await area.press('Enter');
      await expect.poll(() => page.locator('article.user').count()).toBe(1);
      await settled(page);
      expect(await lastReply(page).innerText()).toContain('4');
      await asked.hover();
      await page.getByRole('button', { name: 'Previous version' }).click();
      await expect.poll(() => page.locator('article.user').count()).toBe(2);
      await page.locator('article.assistant').first().locator('figure rect').waitFor();

      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('tab', { name: 'Data' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export', exact: true }).click()]);
      const archive = await readFile(await download.path(), 'utf8');
      expect((JSON.parse(archive) as { conversations: object[] }).conversations).toHaveLength(5);
      for (const wording of ['Locate the red circle.', 'How many objects are there?']) expect(archive).toContain(wording);
    }, { storageState: settings() }),
  120_000,
);
