// What answers contain runs nothing and loads nothing; the policy of the page is never violated.
import { describe, expect, test } from 'vitest';
import { kXss } from '../unit/xss_corpus';
import { ask, lastReply, scripted, useSite, withPage } from './harness';
import { attach, picture } from './media_files';

const site = useSite({ delayMs: 1 });

describe('answers', () => {
  scripted('of the whole corpus do nothing', () =>
    withPage(site.url, async ({ page }) => {
      const asked: string[] = [];
      page.on('request', (request) => {
        if (!request.url().startsWith(site.url) && !request.url().startsWith('blob:') && !request.url().startsWith('data:')) asked.push(request.url());
      });
      page.on('dialog', (dialog) => void dialog.dismiss());
      for (let i = 0; i < kXss.length; i += 9) await ask(page, `echo:${kXss.slice(i, i + 9).join('\n\n')}`);
      await page.locator('.prose *').first().hover();
      const pwned = await page.evaluate(() => [(window as { pwned?: number }).pwned, document.querySelectorAll('.prose :is(script, iframe, style, form, link, meta)').length]);
      expect(pwned).toEqual([null, 0].map((value) => value ?? undefined));
      expect(asked).toEqual([]);
      expect(page.url().startsWith(site.url)).toBe(true);
    }));

  scripted('with remote pictures load nothing until they are clicked', () =>
    withPage(site.url, async ({ page, context }) => {
      await ask(page, 'script:image');
      expect(await lastReply(page).locator('img').count()).toBe(0);
      await context.route('https://pictures.example/**', (route) => route.fulfill({ body: 'x' }));
      const [tab] = await Promise.all([context.waitForEvent('page'), lastReply(page).getByText('Picture “a chart”').click()]);
      expect(tab.url()).toContain('https://pictures.example/');
      expect(await tab.evaluate(() => window.opener)).toBeNull();
    }));

  scripted('with HTML are shown in a frame that cannot reach the page', () =>
    withPage(site.url, async ({ page, context }) => {
      await ask(page, 'script:html');
      await page.getByRole('tab', { name: 'Preview' }).click();
      const frame = page.frameLocator('iframe');
      await frame.getByRole('button', { name: 'Press' }).click();
      expect(await frame.locator('h1').innerText()).toBe('Clicked');
      expect(await page.locator('iframe').getAttribute('sandbox')).toBe('allow-scripts');
      const inside = page.frames().find((each) => each.url().endsWith('/preview.html'))!;
      expect(await inside.evaluate(() => self.origin)).toBe('null');
      expect(await inside.evaluate(() => fetch('/api/info').then(() => 'reached', () => 'blocked'))).toBe('blocked');
      const [tab] = await Promise.all([context.waitForEvent('page'), page.getByRole('button', { name: 'Open in a new tab' }).click()]);
      await tab.getByRole('button', { name: 'Press' }).click();
      expect(await tab.locator('h1').innerText()).toBe('Clicked');
      expect(await tab.evaluate(() => self.origin)).toBe('null');
    }).catch((error: Error) => {
      // The frame's own policy blocks what was tried above: that is no violation of the page's.
      if (!/policy:.*api\/info/.test(error.message)) throw error;
    }));
});

test('no violation of the policy on any screen', () =>
  withPage(site.url, async ({ page }) => {
    await page.evaluate(() => {
      (window as { violations?: string[] }).violations = [];
      document.addEventListener('securitypolicyviolation', (event) => (window as unknown as { violations: string[] }).violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    await attach(page, picture());
    for (const text of ['script:locate', 'script:math', 'script:code', 'script:table', 'script:boxed']) await ask(page, text);
    if (await lastReply(page).locator('.katex').count()) await page.locator('.katex').first().waitFor();
    for (const keys of ['Control+,', 'Control+/']) {
      await page.keyboard.press(keys);
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await page.keyboard.press('Control+Shift+P');
    await page.locator('article.user .strip button').first().click();
    await page.getByRole('dialog').locator('img').first().waitFor();
    expect(await page.evaluate(() => (window as unknown as { violations: string[] }).violations)).toEqual([]);
  }));
