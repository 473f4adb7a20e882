// Sending, stopping, regenerating, editing, branches.
import { describe, expect, test } from 'vitest';
import { ask, lastBody, lastReply, scripted, sendText, settled, useSite, withPage } from './harness';

const site = useSite();
const prose = (page: Parameters<typeof lastReply>[0]) => lastReply(page).locator('.prose');

describe('chat', () => {
  test('a message is sent, its answer streams, and both are there after a reload', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Hello there');
      const text = await prose(page).innerText();
      expect(text).not.toBe('');
      expect(page.url()).toContain('#/c/');
      await page.reload();
      await lastReply(page).waitFor();
      expect(await prose(page).innerText()).toBe(text);
      expect(await page.locator('article.user .bubble').innerText()).toBe('Hello there');
      expect(await page.locator('nav.rail a[aria-current=page]').innerText()).toContain('Hello there');
      expect(await page.title()).toBe('Hello there · glmv');
    }));

  scripted('the thought is folded, with its seconds and tokens, and opens', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:boxed');
      const head = lastReply(page).locator('.thinking button').first();
      expect(await head.getAttribute('aria-expanded')).toBe('false');
      expect(await head.innerText()).toMatch(/Thought[\s\S]*\d+ tokens/);
      await head.click();
      expect(await lastReply(page).locator('.thinking .body').innerText()).toContain('Seven bars');
      expect(await lastReply(page).getByRole('group', { name: 'Answer' }).innerText()).toContain('42');
    }));

  scripted('Stop ends the request on the server within a moment, and keeps what has come', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow without end');
      await prose(page).waitFor();
      const stop = page.getByRole('button', { name: 'Stop', exact: true });
      const place = await stop.boundingBox();
      await stop.click();
      await settled(page);
      expect(await lastReply(page).getAttribute('data-status')).toBe('stopped');
      expect(await prose(page).innerText()).toContain('Sentence 1');
      expect(await lastReply(page).innerText()).toContain('Stopped.');
      await expect.poll(() => site.server.running()).toBe(0);
      // Send and Stop are one place.
      expect(await page.getByRole('button', { name: 'Send', exact: true }).boundingBox()).toEqual(place);
    }));

  scripted('Escape stops; an answer that was stopped goes on with Continue', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow');
      await prose(page).waitFor();
      await page.keyboard.press('Escape');
      await settled(page);
      const before = await prose(page).innerText();
      await page.getByRole('button', { name: 'Continue' }).click();
      await settled(page);
      expect(await prose(page).innerText()).toContain(before.slice(0, 30));
      expect(await prose(page).innerText()).toContain('and this is its end');
      expect(await lastBody(site)).toMatchObject({ continue_final_message: true });
    }));

  test('answering again makes a version; one goes between them', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Say a word');
      await page.getByRole('button', { name: 'Answer again' }).click();
      const versions = page.getByRole('group', { name: 'Versions' });
      await versions.waitFor();
      await settled(page);
      expect(await versions.innerText()).toContain('2/2');
      await versions.getByRole('button', { name: 'Previous version' }).click();
      await expect.poll(() => versions.innerText()).toContain('1/2');
      expect(await page.locator('article.assistant').count()).toBe(1);
    }));

  test('an edited message is a branch; the old one stays', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'First wording');
      await ask(page, 'And then?');
      await page.locator('article.user').first().hover();
      await page.locator('article.user').first().getByRole('button', { name: 'Edit message' }).click();
      const area = page.getByRole('textbox', { name: 'Edit message' });
      expect(await area.inputValue()).toBe('First wording');
      await area.fill('Second wording');
      await area.press('Enter');
      await expect.poll(() => page.locator('article.user').count()).toBe(1);
      await settled(page);
      expect(await page.locator('article.user .bubble').innerText()).toBe('Second wording');
      await page.locator('article.user').hover();
      await page.getByRole('button', { name: 'Previous version' }).click();
      await expect.poll(() => page.locator('article.user').count()).toBe(2);
      expect(await page.locator('article.user .bubble').first().innerText()).toBe('First wording');
    }));

  test('a message is deleted with what follows it', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'One');
      await ask(page, 'Two');
      await page.locator('article.user').last().hover();
      await page.locator('article.user').last().getByRole('button', { name: 'Delete' }).click();
      await expect.poll(() => page.locator('article').count()).toBe(2);
    }));

  scripted('an answer that was cut by its length goes on', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:length');
      expect(await lastReply(page).innerText()).toContain('cut at the limit');
      await page.getByRole('button', { name: 'Continue' }).click();
      await expect.poll(() => prose(page).innerText()).toContain('cut in the middle, and this is its end.');
      await settled(page);
    }));

  scripted('"Answer now" ends the thought', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow');
      await page.getByRole('button', { name: 'Answer now' }).click();
      await prose(page).waitFor();
      expect((await site.server.requests()).some((r) => r.path.endsWith('/end_thinking'))).toBe(true);
      await page.keyboard.press('Escape');
      await settled(page);
    }));

  scripted('a notice of an answer that went in circles', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:repeat');
      expect(await lastReply(page).innerText()).toContain('went in circles');
    }));

  scripted('a notice where the answer came twice', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:restated');
      expect(await lastReply(page).innerText()).toContain('a second time');
    }));

  scripted('what the server refuses is said, and can be tried again', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:refuse');
      expect(await lastReply(page).innerText()).toContain('The prompt has 70,000 tokens');
      await lastReply(page).getByRole('button', { name: 'Try again' }).click();
      await settled(page);
      expect(await page.locator('article.assistant').count()).toBe(1);
      await ask(page, 'script:fail');
      expect(await lastReply(page).innerText()).toContain('no finite numbers');
      expect(await prose(page).innerText()).toContain('Sentence 1');
    }));

  scripted('progress is shown while the prompt is read', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:prefill');
      await lastReply(page).getByRole('progressbar').waitFor();
      await settled(page);
      expect(await prose(page).innerText()).toBe('Ready.');
    }));

  scripted('parameters, the system prompt and thinking go with the request', () =>
    withPage(site.url, async ({ page }) => {
      await page.getByRole('button', { name: 'This conversation' }).click();
      await page.getByRole('textbox', { name: 'System prompt' }).fill('Be brief.');
      const temperature = page.getByRole('spinbutton', { name: 'Temperature' });
      expect(await temperature.getAttribute('placeholder')).toBe('1');
      await temperature.fill('0.3');
      await temperature.press('Tab');
      await page.getByRole('button', { name: 'Think', exact: true }).click();
      await ask(page, 'Hello');
      const body = await lastBody(site);
      expect(body).toMatchObject({ temperature: 0.3, enable_thinking: false, box_markers: 'keep', detect_repetition: true });
      expect((body.messages as object[])[0]).toEqual({ role: 'system', content: 'Be brief.' });
      await page.reload();
      expect(await page.getByRole('spinbutton', { name: 'Temperature' }).inputValue()).toBe('0.3');
      await page.getByRole('button', { name: 'Reset Temperature' }).click();
      expect(await page.getByRole('spinbutton', { name: 'Temperature' }).inputValue()).toBe('');
    }));

  test('Enter that ends a composition does not send', () =>
    withPage(site.url, async ({ page }) => {
      const area = page.locator('#composer');
      await area.fill('ni hao');
      await area.evaluate((node) => {
        node.dispatchEvent(new CompositionEvent('compositionstart'));
        node.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }));
        node.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }));
      });
      await page.waitForTimeout(200);
      expect(await page.locator('article').count()).toBe(0);
      await area.press('Shift+Enter');
      expect(await area.inputValue()).toBe('ni hao\n');
    }));
});
