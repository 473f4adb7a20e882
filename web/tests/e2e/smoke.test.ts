// What must hold at every change, in half a minute; the other files are the whole of it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { ask, lastReply, openPage, scripted, sendText, settled, useSite, withPage } from './harness';
import { attach, picture } from './media_files';

const site = useSite();
const prose = (page: Page) => lastReply(page).locator('.prose');

scripted('a picture is asked about, its boxes are drawn, and all is there after a reload', () =>
  withPage(site.url, async ({ page }) => {
    await attach(page, picture());
    await ask(page, 'script:locate');
    expect(await lastReply(page).locator('figure rect').count()).toBe(2);
    await page.reload();
    await page.locator('article.user .strip img').waitFor();
    expect(await lastReply(page).locator('figure rect').count()).toBe(2);
  }));

scripted('an answer is stopped, and goes on', () =>
  withPage(site.url, async ({ page }) => {
    await sendText(page, 'script:slow');
    await prose(page).waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await settled(page);
    await expect.poll(() => site.server.running()).toBe(0);
    await page.getByRole('button', { name: 'Continue' }).click();
    await settled(page);
    expect(await prose(page).innerText()).toContain('and this is its end');
  }));

scripted('a server that is killed is waited for', () =>
  withPage(site.url, async ({ page }) => {
    await sendText(page, 'script:slow');
    await prose(page).waitFor();
    await site.server.kill();
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
    await site.server.start();
    await settled(page);
    await ask(page, 'Are you there?');
    expect(await prose(page).innerText()).toBe('You wrote: Are you there?');
  }));

test('the page is what the build made, packed, with its policy', async () => {
  const page = await fetch(`${site.url}/`, { headers: { 'Accept-Encoding': 'gzip' } });
  expect(await page.text()).toBe(readFileSync('dist/index.html', 'utf8'));
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
});

for (const theme of ['light', 'dark'] as const) {
  test(`no barriers, ${theme}`, async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const { page, context, errors } = await openPage(site.url, { colorScheme: theme, bypassCSP: true });
    await ask(page, 'Hello');
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await (window as unknown as { axe: { run: () => Promise<{ violations: { id: string }[] }> } }).axe.run();
      return violations.map((each) => each.id);
    });
    expect(found).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });
}
