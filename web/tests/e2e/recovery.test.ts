// Lost connections, reloads, a server that dies, two tabs.
import { describe, expect, test } from 'vitest';
import { ask, lastReply, openPage, scripted, sendText, settled, useSite, watch, withPage } from './harness';
import { attach, picture } from './media_files';

const site = useSite();
const prose = (page: Parameters<typeof lastReply>[0]) => lastReply(page).locator('.prose');
const kEnd = 'Sentence 24 of a long and patient answer.';

async function whole(page: Parameters<typeof lastReply>[0]): Promise<void> {
  await settled(page);
  const text = await prose(page).innerText();
  // Nothing twice, nothing lost.
  expect(text.match(/Sentence \d+ of/g)).toEqual(Array.from({ length: 24 }, (_, i) => `Sentence ${i + 1} of`));
  expect(text.endsWith(kEnd)).toBe(true);
}

describe('recovery', () => {
  scripted('a connection that is cut is taken up again', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:cut');
      await whole(page);
      expect((await site.server.requests()).some((r) => r.path.startsWith('/v1/stream?conv_id='))).toBe(true);
    }));

  scripted('a reload during a stream goes on with the answer', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow');
      await prose(page).waitFor();
      await page.waitForTimeout(1500);
      await page.reload();
      await prose(page).waitFor();
      await whole(page);
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
    }));

  scripted('a reload in the first second of an answer loses nothing', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow');
      await lastReply(page).locator('.thinking .count').waitFor();
      await page.reload();
      await prose(page).waitFor();
      await whole(page);
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
    }));

  test('what is being written is there after a reload', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture());
      await page.locator('#composer').fill('Half a question');
      await page.reload();
      await page.locator('li[data-state=ready]').waitFor();
      expect(await page.locator('#composer').inputValue()).toBe('Half a question');
      await ask(page, 'A whole question');
      await page.locator('article.user .strip img').waitFor();
      await page.reload();
      await page.locator('article.user').waitFor();
      expect(await page.locator('#composer').inputValue()).toBe('');
      await page.getByRole('button', { name: 'New chat' }).click();
      expect(await page.locator('#composer').inputValue()).toBe('');
      expect(await page.locator('li[data-state]').count()).toBe(0);
    }));

  scripted('a server that is killed is waited for; the answer is kept and can go on', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow');
      await prose(page).waitFor();
      await site.server.kill();
      await expect.poll(() => lastReply(page).innerText(), { timeout: 20_000 }).toContain('The connection is lost');
      await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
      await site.server.start();
      await settled(page);
      expect(await lastReply(page).getAttribute('data-status')).toBe('stopped');
      expect(await lastReply(page).innerText()).toContain('started anew');
      await page.getByRole('button', { name: 'Continue' }).click();
      await expect.poll(() => prose(page).innerText()).toContain('and this is its end');
      await settled(page);
    }));

  scripted('a page that is opened while the server is down recovers without a reload', async () => {
    const { page, context } = await openPage(site.url);
    await page.locator('.chip .light').waitFor();
    await site.server.kill();
    await page.locator('#composer').fill('Hello');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
    // The seconds are no part of what is told.
    expect(await page.locator('.down .when').innerText()).toMatch(/Next try in|Trying/);
    expect(await page.getByRole('alert').innerText()).not.toMatch(/Next try|Trying/);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await expect.poll(() => asked).toContain('/health');
    await site.server.start();
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor({ state: 'detached' });
    await settled(page);
    const retry = page.getByRole('button', { name: 'Try again' });
    await retry.click();
    await settled(page);
    expect(await prose(page).innerText()).toContain('You wrote: Hello');
    await context.close();
  });

  scripted('of two tabs, Stop in one does not stop the other', () =>
    withPage(site.url, async ({ page, context }) => {
      const other = await context.newPage();
      const errors = watch(other);
      await other.goto(site.url);
      await sendText(page, 'script:slow one');
      await sendText(other, 'script:slow two');
      await prose(page).waitFor();
      await prose(other).waitFor();
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      await settled(page);
      expect(await lastReply(other).getAttribute('data-status')).toBe('streaming');
      await whole(other);
      // Each knows of the other's conversation.
      await expect.poll(() => page.locator('nav.rail li').count()).toBe(2);
      expect(errors).toEqual([]);
    }));

  scripted('two tabs show one conversation, and either goes on with it', () =>
    withPage(site.url, async ({ page, context }) => {
      await sendText(page, 'script:plain');
      await settled(page);
      const other = await context.newPage();
      const errors = watch(other);
      await other.goto(page.url());
      await expect.poll(() => prose(other).innerText()).toContain('A plain answer');
      await sendText(other, 'script:slow in the other tab');
      await whole(other);
      // The first tab stood at the end, and shows what has been added there.
      await expect.poll(() => prose(page).innerText()).toContain(kEnd);
      await page.locator('nav.rail a', { hasText: 'script:plain' }).click();
      await expect.poll(async () => JSON.stringify(await page.locator('article.user .bubble').allInnerTexts()), { timeout: 20_000 }).toContain('script:plain');
      await page.reload();
      await expect.poll(() => prose(page).innerText(), { timeout: 20_000 }).toContain(kEnd);
      await ask(page, 'Hello');
      expect(await page.locator('article').count()).toBe(6);
      expect(errors).toEqual([]);
    }));

  scripted('the clock and the count of a thought go on after a reload', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:camera');
      const count = lastReply(page).locator('.thinking .count');
      const tokens = async () => Number(/(\d+) tokens/.exec(await count.innerText())?.[1] ?? 0);
      const clock = async () => Number(/([\d.]+)s/.exec(await count.innerText())?.[1] ?? 0);
      await expect.poll(tokens).toBeGreaterThan(35);
      const [before, beforeTokens] = [await clock(), await tokens()];
      await page.reload();
      await count.waitFor();
      expect(await clock()).toBeGreaterThanOrEqual(before);
      await settled(page);
      expect(await tokens()).toBeGreaterThan(beforeTokens);
      expect(await clock()).toBeGreaterThan(1);
    }));

  scripted('another conversation can be read while an answer is written', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:plain');
      await settled(page);
      await page.getByRole('button', { name: 'New chat' }).click();
      await sendText(page, 'script:slow');
      await prose(page).waitFor();
      await page.locator('nav.rail a', { hasText: 'script:plain' }).click();
      await expect.poll(() => prose(page).innerText()).toContain('A plain answer');
      await page.locator('nav.rail a', { hasText: 'script:slow' }).click();
      await whole(page);
    }));

  scripted('a full queue says so', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:busy');
      await settled(page);
      expect(await lastReply(page).innerText()).toContain('Many requests are waiting');
    }));
});
