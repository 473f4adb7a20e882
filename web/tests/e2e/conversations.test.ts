// The list of conversations, the archive, settings, the store, signing in.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ask, lastReply, scripted, sendText, settled, useSite, withPage } from './harness';

const site = useSite();

async function menu(page: Parameters<typeof ask>[0], title: string, action: string): Promise<void> {
  const item = page.locator('nav.rail li', { hasText: title });
  await item.hover();
  await item.getByRole('button', { name: `Actions for ${title}` }).click();
  await page.getByRole('menuitem', { name: action, exact: true }).click();
}

describe('conversations', () => {
  test('search, rename, pin, delete', () =>
    withPage(site.url, async ({ page }) => {
      for (const text of ['About apples', 'About pears', 'About plums']) {
        await page.getByRole('button', { name: 'New chat' }).click();
        await ask(page, text);
      }
      const items = page.locator('nav.rail li');
      expect(await items.count()).toBe(3);
      expect(await page.locator('nav.rail h2').allInnerTexts()).toEqual(['Today']);
      await page.keyboard.press('Control+k');
      await page.keyboard.type('pears');
      await expect.poll(() => items.allInnerTexts()).toEqual(['About pears']);
      await page.locator('#search').fill('');
      await menu(page, 'About pears', 'Rename');
      await page.getByRole('textbox', { name: 'Rename' }).fill('Fruit');
      await page.keyboard.press('Enter');
      await expect.poll(() => items.allInnerTexts()).toContain('Fruit');
      await menu(page, 'Fruit', 'Pin');
      await expect.poll(() => page.locator('nav.rail h2').allInnerTexts()).toEqual(['Pinned', 'Today']);
      page.once('dialog', (dialog) => void dialog.accept());
      await menu(page, 'About plums', 'Delete');
      await expect.poll(() => items.count()).toBe(2);
      await page.reload();
      await expect.poll(() => items.allInnerTexts()).toEqual(['Fruit', 'About apples']);
    }));

  test('all are exported, deleted, and come back by an import', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Keep me');
      const answer = await lastReply(page).locator('.prose').innerText();
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('tab', { name: 'Data' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export', exact: true }).click()]);
      const text = await readFile(await download.path(), 'utf8');
      expect(JSON.parse(text)).toMatchObject({ format: 'glmv-conversations', v: 1 });
      await page.getByRole('button', { name: 'Delete all' }).click();
      await page.getByRole('button', { name: 'Delete for good' }).click();
      await expect.poll(() => page.locator('nav.rail li').count()).toBe(0);
      await page.locator('#import').setInputFiles({ name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from('{"format":"other"}') });
      await page.locator('.toast.error').waitFor();
      expect(await page.locator('.toast.error').innerText()).toContain('it is of another program');
      await page.locator('#import').setInputFiles({ name: 'all.json', mimeType: 'application/json', buffer: Buffer.from(text) });
      await expect.poll(() => page.locator('nav.rail li').count()).toBe(1);
      await page.keyboard.press('Escape');
      await page.locator('nav.rail a', { hasText: 'Keep me' }).click();
      await expect.poll(() => lastReply(page).locator('.prose').innerText()).toBe(answer);
    }));

  scripted('one is exported by its menu; thoughts are found too', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:boxed');
      await page.getByRole('button', { name: 'New chat' }).click();
      await ask(page, 'Another');
      const [download] = await Promise.all([page.waitForEvent('download'), menu(page, 'script:boxed', 'Export')]);
      expect(download.suggestedFilename()).toBe('glmv-script-boxed.json');
      const archive = JSON.parse(await readFile(await download.path(), 'utf8')) as { conversations: { msgs: { text: string }[] }[] };
      expect(archive.conversations).toHaveLength(1);
      expect(archive.conversations[0]!.msgs.map((each) => each.text)).toContain('script:boxed');
      await page.locator('#search').fill('Seven bars');
      await expect.poll(() => page.locator('nav.rail li').allInnerTexts()).toEqual(['script:boxed']);
    }));

  test('an address of a conversation that is not there leads to the start', () =>
    withPage(`${site.url}/#/c/nothing`, async ({ page }) => {
      await page.waitForURL(/#\/$/);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }));
});

describe('settings', () => {
  test('language, theme, size and the key that sends', () =>
    withPage(site.url, async ({ page }) => {
      await page.keyboard.press('Control+,');
      await page.getByRole('radio', { name: 'Dark' }).check();
      expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
      await page.getByRole('radio', { name: 'Ctrl + Enter' }).check();
      await page.getByRole('radio', { name: '中文' }).check();
      await page.getByRole('tab', { name: '通用' }).waitFor();
      expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
      await page.keyboard.press('Escape');
      await page.reload();
      await page.getByRole('heading', { name: '想看点什么？' }).waitFor();
      await page.locator('#composer').fill('a');
      await page.keyboard.press('Enter');
      expect(await page.locator('article').count()).toBe(0);
      await page.keyboard.press('Control+Enter');
      await page.locator('article.user').waitFor();
      await settled(page);
      // The same keys send what is edited.
      await page.locator('#composer').press('ArrowUp');
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await page.keyboard.type('b');
      await page.keyboard.press('Control+Enter');
      await expect.poll(() => page.locator('article.user .bubble').innerText()).toBe('a\nb');
      await settled(page);
      await page.keyboard.press('Control+/');
      expect(await page.getByRole('dialog').locator('dl div').first().innerText()).toMatch(/Ctrl\s*Enter/);
    }));

  test('the switch of thinking is kept before anything is sent', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Hello');
      const think = page.getByRole('button', { name: 'Think', exact: true });
      if ((await think.count()) === 0) return; // a model without the switch
      await think.click();
      await page.reload();
      await expect.poll(() => think.getAttribute('aria-pressed')).toBe('false');
    }));

  test('shortcuts are listed and work', () =>
    withPage(site.url, async ({ page }) => {
      await page.keyboard.press('Control+/');
      expect(await page.getByRole('dialog').innerText()).toContain('Copy the last answer');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+Shift+S');
      await expect.poll(() => page.locator('nav.rail').count()).toBe(0);
      await page.keyboard.press('Control+Shift+P');
      await page.getByRole('complementary').waitFor();
      await page.keyboard.press('Shift+Escape');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('composer');
      await ask(page, 'Edit me');
      await page.locator('#composer').focus();
      await page.keyboard.press('ArrowUp');
      expect(await page.getByRole('textbox', { name: 'Edit message' }).inputValue()).toBe('Edit me');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+Shift+O');
      await page.getByRole('heading', { level: 1 }).waitFor();
    }));

  test('the list is a drawer on narrow screens', () =>
    withPage(site.url, async ({ page }) => {
      expect(await page.locator('nav.rail').count()).toBe(0);
      await page.getByRole('button', { name: 'Show conversations' }).click();
      await page.locator('.drawer nav.rail').waitFor();
      await page.keyboard.press('Escape');
      await expect.poll(() => page.locator('nav.rail').count()).toBe(0);
    }, { viewport: { width: 700, height: 800 } }));

  scripted('Escape closes a drawer and stops nothing behind it', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow');
      await lastReply(page).locator('.prose').waitFor();
      await page.getByRole('button', { name: 'Show conversations' }).click();
      await page.locator('.drawer nav.rail').waitFor();
      await page.keyboard.press('Escape');
      await expect.poll(() => page.locator('nav.rail').count()).toBe(0);
      expect(await lastReply(page).getAttribute('data-status')).toBe('streaming');
      await page.keyboard.press('Escape');
      await settled(page);
      expect(await lastReply(page).getAttribute('data-status')).toBe('stopped');
    }, { viewport: { width: 700, height: 800 } }));
});

describe('a server with a key', () => {
  const guarded = useSite({ key: 'secret-key' });
  scripted('asks for it, and the page forgets it', () =>
    withPage(guarded.server.url, async ({ page }) => {
      await page.getByLabel('API key').fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      await page.getByLabel('API key').fill('secret-key');
      await page.keyboard.press('Enter');
      await ask(page, 'Hello');
      const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
      expect(kept).not.toContain('secret-key');
      await page.reload();
      await page.getByLabel('API key').waitFor();
    }));

  scripted('an answer that was being written goes on behind the login', () =>
    withPage(guarded.server.url, async ({ page }) => {
      const signIn = async () => {
        await page.getByLabel('API key').fill('secret-key');
        await page.keyboard.press('Enter');
      };
      await signIn();
      await sendText(page, 'script:slow');
      await lastReply(page).locator('.prose').waitFor();
      await page.waitForTimeout(1200);
      await page.reload();
      await page.getByLabel('API key').waitFor();
      await page.waitForTimeout(300);
      await signIn();
      await settled(page);
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
      expect(await lastReply(page).locator('.prose').innerText()).toContain('Sentence 24 of a long and patient answer.');
    }));
});
