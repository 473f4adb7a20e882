// A server with a store: two browsers see the same conversations.
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { ask, lastReply, openPage, scripted, sendText, settled, useSite, type Opened } from './harness';
import { attach, picture } from './media_files';

const site = useSite({ store: true });
const items = (page: Page) => page.locator('nav.rail li');

interface Listed {
  id: string;
  title: string;
}
async function listed(words = ''): Promise<Listed[]> {
  const query = words ? `?q=${encodeURIComponent(words)}` : '';
  return ((await (await fetch(`${site.url}/api/conversations${query}`)).json()) as { data: Listed[] }).data;
}
async function stored(title: string): Promise<{ msgs: { text: string; status: string }[] } | undefined> {
  const one = (await listed()).find((each) => each.title.startsWith(title));
  return one && (await (await fetch(`${site.url}/api/conversations/${one.id}`)).json());
}
// All that was said has come to the server, its end too.
async function kept(title: string, texts: number): Promise<void> {
  await expect.poll(async () => {
    const msgs = (await stored(title))?.msgs ?? [];
    return msgs.filter((each) => each.status === 'done' && each.text !== '').length;
  }, { timeout: 10_000 }).toBe(texts);
}
// As when its window comes to the front.
const look = (page: Page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

async function twoBrowsers(run: (first: Page, second: Page) => Promise<void>): Promise<void> {
  const opened: Opened[] = [await openPage(site.url), await openPage(site.url)];
  try {
    await run(opened[0]!.page, opened[1]!.page);
    expect(opened.flatMap((each) => each.errors)).toEqual([]);
  } finally {
    for (const each of opened) await each.context.close();
  }
}
async function choose(page: Page, title: string, action: string): Promise<void> {
  const item = page.locator('nav.rail li', { hasText: title });
  await item.hover();
  await item.getByRole('button', { name: `Actions for ${title}` }).click();
  await page.getByRole('menuitem', { name: action, exact: true }).click();
}

describe('two browsers', () => {
  scripted('each goes on with what the other has begun', () =>
    twoBrowsers(async (first, second) => {
      await ask(first, 'Begun here');
      await kept('Begun here', 2);
      await look(second);
      await second.locator('nav.rail a', { hasText: 'Begun here' }).click();
      // The article is there before its text is.
      await expect.poll(() => lastReply(second).locator('.prose').innerText(), { timeout: 10_000 }).toBe('You wrote: Begun here');
      await ask(second, 'And on');
      await kept('Begun here', 4);
      await look(first);
      await expect.poll(() => first.locator('article').count()).toBe(4);
      expect(await lastReply(first).locator('.prose').innerText()).toBe('You wrote: And on');
    }));

  scripted('pictures come along', () =>
    twoBrowsers(async (first, second) => {
      await attach(first, picture());
      await ask(first, 'What is on it?');
      await kept('What is on it?', 2);
      await look(second);
      await second.locator('nav.rail a', { hasText: 'What is on it?' }).click();
      const image = second.locator('article.user .strip img');
      await image.waitFor();
      await expect.poll(() => image.evaluate((node: HTMLImageElement) => node.naturalWidth)).toBe(640);
      await ask(second, 'Once more');
      expect(await lastReply(second).getAttribute('data-status')).toBe('done');
    }));

  scripted('changes of both at once are both kept', () =>
    twoBrowsers(async (first, second) => {
      await ask(first, 'Shared');
      await kept('Shared', 2);
      await look(second);
      await second.locator('nav.rail a', { hasText: 'Shared' }).click();
      await lastReply(second).locator('.prose').waitFor();
      await Promise.all([ask(first, 'From the first'), ask(second, 'From the second')]);
      await kept('Shared', 6);
      const texts = (await stored('Shared'))!.msgs.map((each) => each.text);
      expect(texts).toContain('From the first');
      expect(texts).toContain('From the second');
      // In the tree they are two versions of what was said second.
      await look(first);
      await expect.poll(() => first.getByRole('group', { name: 'Versions' }).first().innerText(), { timeout: 20_000 }).toContain('/2');
    }));

  scripted('a name, a pin and a deletion are seen by the other', () =>
    twoBrowsers(async (first, second) => {
      await ask(first, 'Old name');
      await kept('Old name', 2);
      await look(second);
      await choose(second, 'Old name', 'Rename');
      await second.getByRole('textbox', { name: 'Rename' }).fill('New name');
      await second.keyboard.press('Enter');
      await choose(second, 'New name', 'Pin');
      await kept('New name', 2);
      await look(first);
      await expect.poll(() => items(first).allInnerTexts()).toContain('New name');
      await expect.poll(() => first.locator('nav.rail h2').allInnerTexts()).toContain('Pinned');
      second.once('dialog', (dialog) => void dialog.accept());
      await choose(second, 'New name', 'Delete');
      await expect.poll(async () => (await listed()).some((each) => each.title === 'New name'), { timeout: 10_000 }).toBe(false);
      await look(first);
      await expect.poll(() => items(first).allInnerTexts()).not.toContain('New name');
      await first.reload();
      await first.locator('.chip .light').waitFor();
      expect(await items(first).allInnerTexts()).not.toContain('New name');
    }));

  scripted('the other finds words that only the server has, and opens an address it never saw', () =>
    twoBrowsers(async (first, second) => {
      await ask(first, 'echo:the answer is xylophone');
      await choose(first, 'echo:the answer is xylophone', 'Rename');
      await first.getByRole('textbox', { name: 'Rename' }).fill('Music');
      await first.keyboard.press('Enter');
      await kept('Music', 2);
      await look(second);
      await second.locator('#search').fill('xyloph');
      await expect.poll(() => items(second).allInnerTexts()).toEqual(['Music']);
      const other = await second.context().newPage();
      await other.goto(first.url());
      await lastReply(other).locator('.prose').waitFor();
      expect(await lastReply(other).locator('.prose').innerText()).toContain('xylophone');
    }));

  scripted('an answer that one waits for can be followed by the other', () =>
    twoBrowsers(async (first, second) => {
      await sendText(first, 'script:slow shared');
      await lastReply(first).locator('.prose').waitFor();
      await expect.poll(() => stored('script:slow shared'), { timeout: 10_000 }).toBeDefined();
      await look(second);
      await second.locator('nav.rail a', { hasText: 'script:slow shared' }).click();
      await settled(first);
      await kept('script:slow shared', 2);
      await look(second);
      await expect.poll(() => lastReply(second).locator('.prose').innerText(), { timeout: 20_000 }).toContain('Sentence 24 of a long and patient answer.');
    }));
});

describe('a server that goes and comes', () => {
  scripted('gets what was said and deleted meanwhile', async () => {
    const { page, context, errors } = await openPage(site.url);
    await ask(page, 'To be deleted');
    await kept('To be deleted', 2);
    await ask(page, 'To be named');
    await site.server.kill();
    await page.locator('nav.rail li').first().waitFor();
    page.once('dialog', (dialog) => void dialog.accept());
    await choose(page, 'To be deleted', 'Delete');
    await page.waitForTimeout(1500);
    await site.server.start();
    await expect.poll(async () => (await listed()).some((each) => each.title === 'To be deleted'), { timeout: 30_000 }).toBe(false);
    // What was there before is there after SIGKILL.
    expect((await listed()).some((each) => each.title === 'Music')).toBe(true);
    expect(errors).toEqual([]);
    await context.close();
  });
});
