// Sending, stopping, regenerating, editing, branches.
import { describe, expect, test } from 'vitest';
import { ask, lastBody, lastReply, scripted, sendText, settled, useSite, withPage } from './harness';

const site = useSite();
const prose = (page: Parameters<typeof lastReply>[0]) => lastReply(page).locator('.prose');
// The id or the name of what has the focus.
const focused = (page: Parameters<typeof lastReply>[0]) => page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute('aria-label'));

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
      // Its figures come behind.
      await lastReply(page).locator('.actions .chip').click();
      await expect.poll(() => lastReply(page).locator('dl').innerText()).toMatch(/Ended by\s+stopped/);
      expect(await lastReply(page).locator('dl').innerText()).toMatch(/Written\s+\d+ tokens/);
      expect(await lastReply(page).getAttribute('data-status')).toBe('stopped');
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
      // Now it is whole.
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
      expect(await lastReply(page).innerText()).not.toContain('Stopped.');
      expect(await page.getByRole('button', { name: 'Continue' }).count()).toBe(0);
      await page.reload();
      await prose(page).waitFor();
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
    }));

  scripted('an answer that was cut inside its thought goes on', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:thought');
      expect(await lastReply(page).innerText()).toContain('inside the thought');
      await page.getByRole('button', { name: 'Continue' }).click();
      await expect.poll(() => prose(page).innerText()).toContain('and this is its end');
      await settled(page);
      const messages = (await lastBody(site)).messages as object[];
      expect(messages.at(-1)).toMatchObject({ role: 'assistant', content: '', reasoning_content: 'I begin to think, and the limit comes' });
    }));

  scripted('tags that an answer speaks of stay in it', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'echo:A thought ends with </think>, an answer with </answer>. So it is.');
      expect(await prose(page).innerText()).toBe('A thought ends with </think>, an answer with </answer>. So it is.');
      expect(await lastReply(page).locator('.thinking').count()).toBe(0);
    }));

  scripted('answers are copied as text, as markdown, and by keys', () =>
    withPage(site.url, async ({ page, context }) => {
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
      await ask(page, 'script:boxed');
      await lastReply(page).getByRole('button', { name: 'Copy', exact: true }).click();
      await expect.poll(clipboard).toBe('The chart shows seven bars. The first is 12, the last 30, so their sum is\n\n42');
      await lastReply(page).getByRole('button', { name: 'Copy as markdown' }).click();
      await expect.poll(clipboard).toContain('The first is **12**');
      await lastReply(page).getByRole('button', { name: 'Copy the answer' }).click();
      await expect.poll(clipboard).toBe('42');
      await ask(page, 'script:code');
      await page.keyboard.press('Control+Shift+C');
      await expect.poll(clipboard).toContain('```cpp\n#include <print>');
      await lastReply(page).getByRole('button', { name: 'Copy code' }).last().click();
      await expect.poll(clipboard).toBe('for i in range(3):\n    print(i)');
      await page.locator('article.user').last().hover();
      await page.locator('article.user').last().getByRole('button', { name: 'Copy' }).click();
      await expect.poll(clipboard).toBe('script:code');
      expect(await page.locator('.toast').last().innerText()).toBe('Copied');
    }));

  scripted('a reply that begins elsewhere does not move what is read here', () =>
    withPage(site.url, async ({ page }) => {
      await sendText(page, 'script:slow elsewhere');
      await prose(page).waitFor();
      await page.getByRole('button', { name: 'New chat' }).click();
      await ask(page, `echo:${'A line.\n\n'.repeat(60)}`);
      await sendText(page, 'script:slow here');
      await page.locator('article.assistant').nth(1).locator('.prose').waitFor();
      const view = page.locator('[role=log]');
      await view.hover();
      await page.mouse.wheel(0, -900);
      await page.waitForTimeout(300);
      const top = await view.evaluate((node) => node.scrollTop);
      await page.locator('nav.rail .busy').nth(1).waitFor({ state: 'detached' });
      await page.waitForTimeout(200);
      expect(Math.abs((await view.evaluate((node) => node.scrollTop)) - top)).toBeLessThan(4);
      await settled(page);
    }));

  scripted('the meter counts what is sent, and again when the media are to be smaller', () =>
    withPage(site.url, async ({ page }) => {
      const meter = page.getByRole('meter');
      await page.locator('#composer').fill('How many tokens has this?');
      expect(await meter.innerText()).toContain('≈');
      await expect.poll(() => meter.innerText()).not.toContain('≈');
      expect(Number(await meter.getAttribute('aria-valuenow'))).toBeGreaterThan(0);
      const counts = async () => (await site.server.requests()).filter((each) => each.path === '/api/tokens');
      const before = (await counts()).length;
      await page.keyboard.press('Control+Shift+P');
      await page.locator('summary', { hasText: 'Media' }).click();
      await page.getByRole('spinbutton', { name: 'Pixels' }).fill('50000');
      await page.keyboard.press('Tab');
      await expect.poll(async () => (await counts()).length).toBeGreaterThan(before);
      expect((await counts()).at(-1)!.body).toMatchObject({ mm_processor_kwargs: { max_pixels: 50000 } });
      await expect.poll(() => meter.innerText()).not.toContain('≈');
    }));

  test('example cards bring a picture and a question, and leave what is written', () =>
    withPage(site.url, async ({ page }) => {
      const area = page.locator('#composer');
      const describing = page.getByRole('button', { name: 'Describe What is in a picture' });
      await describing.click();
      await page.locator('li[data-state=ready]').waitFor();
      expect(await area.inputValue()).toBe('Describe this picture.');
      await page.getByRole('button', { name: 'Locate' }).click();
      await expect.poll(() => area.inputValue()).toContain('Locate the red cup');
      expect(await page.locator('.chips li').count()).toBe(1);
      await area.fill('My own words');
      await describing.click();
      expect(await area.inputValue()).toBe('My own words');
      const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('button', { name: 'What happens, and when' }).click()]);
      expect(await chooser.element().getAttribute('accept')).toContain('.mp4');
    }));

  test('answering again makes a version; one goes between them', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Say a word');
      await page.getByRole('button', { name: 'Answer again' }).click();
      const versions = page.getByRole('group', { name: 'Versions' });
      await versions.waitFor();
      await settled(page);
      expect(await versions.innerText()).toContain('2/2');
      expect(await focused(page)).toBe('composer');
      await versions.getByRole('button', { name: 'Previous version' }).press('Enter');
      await expect.poll(() => versions.innerText()).toContain('1/2');
      // The first one has none before it: the focus is on the way back.
      await expect.poll(() => focused(page)).toBe('Next version');
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
      await area.fill('  ');
      await area.press('Enter'); // nothing to send: it stays open
      await area.fill('Second wording');
      await area.press('Enter');
      await expect.poll(() => page.locator('article.user').count()).toBe(1);
      expect(await focused(page)).toBe('composer');
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
      // For a moment it can be taken back.
      await page.getByRole('button', { name: 'Undo' }).click();
      await expect.poll(() => page.locator('article').count()).toBe(4);
      await page.reload();
      await expect.poll(() => page.locator('article').count()).toBe(4);
      await lastReply(page).getByRole('button', { name: 'Delete' }).click();
      await expect.poll(() => page.locator('article').count()).toBe(3);
      await page.reload();
      await page.locator('article.user').nth(1).waitFor();
      expect(await page.locator('article').count()).toBe(3);
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
      await page.getByRole('button', { name: 'Continue' }).click();
      await expect.poll(() => prose(page).innerText()).toContain('and this is its end');
      await settled(page);
      expect(await lastReply(page).innerText()).not.toContain('went in circles');
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
      expect(await lastReply(page).innerText()).toMatch(/no finite numbers|failed on this request/);
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
