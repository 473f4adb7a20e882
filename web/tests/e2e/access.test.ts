// Accessibility: axe on every screen in both themes, the keyboard alone, small screens, large text.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { ask, kRealServer, lastReply, type Need, scripted, sendText, settled, useSite, withPage } from './harness';
import { attach, pdf, picture, video } from './media_files';

const site = useSite();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<string[]> {
  await page.waitForTimeout(350); // animations have ended
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const run = (window as unknown as { axe: { run(o: object): Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary?: string }[] }[] }> } }).axe;
    const found = await run.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return found.violations.flatMap((each) => each.nodes.map((node) => `${each.id}: ${String(node.target)} ${node.failureSummary ?? ''}`));
  });
}

interface Screen {
  name: string;
  show: (page: Page) => Promise<void>;
  scripted?: boolean;
  needs?: Need[];
}

const open = (keys: string) => async (page: Page) => {
  await page.keyboard.press(keys);
  await page.getByRole('dialog').waitFor();
};
const tab = (name: string) => async (page: Page) => {
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name }).click();
};
const kScreens: Screen[] = [
  { name: 'start', show: async (page) => void (await page.locator('.chip .light').waitFor()) },
  { name: 'start with attachments', show: async (page) => {
    await attach(page, picture('a.png'), picture('b.png'));
    await page.locator('#picker').setInputFiles({ name: 'x.exe', mimeType: '', buffer: Buffer.from('x') });
    await page.getByRole('alert').waitFor();
  } },
  { name: 'chat', scripted: true, show: async (page) => {
    await attach(page, picture());
    for (const text of ['script:locate', 'script:boxed', 'script:math', 'script:code', 'script:table', 'script:html', 'script:length', 'script:image']) await ask(page, text);
    await page.locator('.thinking button').first().click();
    await page.locator('.chip').last().click();
    await page.waitForTimeout(500);
  } },
  { name: 'chat while it thinks', scripted: true, show: async (page) => {
    await sendText(page, 'script:slow');
    await page.getByRole('button', { name: 'Answer now' }).waitFor();
  } },
  { name: 'chat with an error and notices', scripted: true, show: async (page) => {
    for (const text of ['script:refuse', 'script:repeat', 'script:restated', 'script:fail']) await ask(page, text);
  } },
  { name: 'editing', show: async (page) => {
    await ask(page, 'Hello');
    await page.locator('#composer').press('ArrowUp');
  } },
  { name: 'panel', show: async (page) => {
    await page.keyboard.press('Control+Shift+P');
    await page.locator('summary', { hasText: 'Media' }).click();
    await page.getByRole('spinbutton', { name: 'Temperature' }).fill('0.5');
  } },
  { name: 'menu of a conversation', show: async (page) => {
    await ask(page, 'Hello');
    await page.locator('nav.rail li').hover();
    await page.getByRole('button', { name: 'Actions for Hello' }).click();
  } },
  { name: 'settings, general', show: open('Control+,') },
  { name: 'settings, parameters', show: tab('Model parameters') },
  { name: 'settings, shortcuts', show: tab('Shortcuts') },
  { name: 'settings, data', show: tab('Data') },
  { name: 'settings, about', show: tab('About') },
  { name: 'shortcuts', show: open('Control+/') },
  { name: 'viewer of a picture', scripted: true, show: async (page) => {
    await attach(page, picture());
    await ask(page, 'script:locate');
    await lastReply(page).getByRole('button', { name: 'Show boxes on the picture' }).first().click();
    await page.getByRole('dialog').locator('rect').first().waitFor();
  } },
  { name: 'viewer of a document', scripted: true, needs: ['doc'], show: async (page) => {
    await attach(page, pdf(4));
    await page.getByRole('button', { name: 'Open report.pdf' }).click();
    await page.getByRole('dialog').locator('.sheet img[src]').first().waitFor();
  } },
  { name: 'pages to be chosen, and boxes to be placed', scripted: true, needs: ['doc'], show: async (page) => {
    await attach(page, pdf(4));
    await ask(page, 'script:locate');
    await lastReply(page).getByRole('button', { name: 'Delete' }).hover();
    await attach(page, pdf(61, 'long.pdf'));
  } },
  { name: 'a note with an action', show: async (page) => {
    await ask(page, 'Hello');
    await lastReply(page).getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
  } },
  { name: 'viewer of a video', scripted: true, show: async (page) => {
    await attach(page, video());
    await ask(page, 'What happens?');
    await lastReply(page).getByRole('button', { name: '00:01', exact: true }).click();
    await page.getByRole('dialog').locator('.tick').first().waitFor();
  } },
];

for (const theme of ['light', 'dark'] as const) {
  describe(`axe, ${theme}`, () => {
    for (const screen of kScreens) {
      const run = () =>
        withPage(site.url, async ({ page }) => {
          await screen.show(page);
          expect(await violations(page)).toEqual([]);
        }, { colorScheme: theme, bypassCSP: true });
      if (screen.scripted) scripted(screen.name, run, screen.needs, site);
      else test(screen.name, run);
    }
    test.skipIf(kRealServer !== undefined)('login, and a server that is down', async () => {
      await withPage(site.url, async ({ page }) => {
        await page.route('**/api/info', (route) => route.fulfill({ status: 401, json: { error: { message: 'key', code: 'invalid_api_key' } } }));
        await page.reload();
        await page.getByLabel('API key').waitFor();
        expect(await violations(page)).toEqual([]);
        await page.route('**/api/info', (route) => route.abort());
        await page.reload();
        await page.getByRole('alert').waitFor();
        expect(await violations(page)).toEqual([]);
      }, { colorScheme: theme, bypassCSP: true });
    });
    test('chat and drawer at 360 px', () =>
      withPage(site.url, async ({ page }) => {
        await attach(page, picture());
        await ask(page, 'script:locate');
        expect(await violations(page)).toEqual([]);
        await page.getByRole('button', { name: 'Show conversations' }).click();
        expect(await violations(page)).toEqual([]);
      }, { colorScheme: theme, bypassCSP: true, viewport: { width: 360, height: 720 } }));
  });
}

test('in Chinese, all of the page is Chinese', () =>
  withPage(site.url, async ({ page }) => {
    await page.getByRole('heading', { name: '想看点什么？' }).waitFor();
    await page.locator('#composer').fill('你好');
    await page.getByRole('button', { name: '发送', exact: true }).click();
    await settled(page);
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.keyboard.press('Control+Shift+P');
    await page.getByRole('complementary', { name: '当前对话' }).waitFor();
    const english = await page.evaluate(() =>
      Array.from(document.querySelectorAll('button, label, h2, h3, input, textarea'))
        .map((node) => node.getAttribute('aria-label') ?? node.getAttribute('placeholder') ?? node.textContent?.trim() ?? '')
        .filter((text) => /[A-Za-z]{3,}/.test(text) && !/[\u4e00-\u9fff]/.test(text)));
    if (!kRealServer) {
      // Errors too: translated by their code, with the words of the server behind.
      await page.locator('#composer').fill('script:refuse');
      await page.keyboard.press('Enter');
      const card = lastReply(page).getByRole('group', { name: '没有回答' });
      await card.waitFor();
      expect(await card.innerText()).toContain('对话超过了上下文长度。');
      expect(await card.innerText()).not.toContain('The prompt has');
      await card.getByText('服务器原文').click();
      expect(await card.innerText()).toContain('The prompt has 70,000 tokens');
    }
    expect(english.filter((text) => !['Top-k', 'Top-p', 'Min-p'].includes(text))).toEqual([]);
    expect(await violations(page)).toEqual([]);
  }, { locale: 'zh-CN', bypassCSP: true }));

describe('by keyboard alone', () => {
  const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.id || document.activeElement?.textContent || '');
  async function tabTo(page: Page, name: string, keys = 'Tab'): Promise<void> {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press(keys);
      if ((await focused(page)).trim() === name) return;
    }
    throw new Error(`Tab does not reach "${name}"`);
  }
  test('ask, copy, answer again, change settings, go back', () =>
    withPage(site.url, async ({ page }) => {
      await page.locator('.chip .light').waitFor();
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('Skip to the message field');
      await page.keyboard.press('Enter');
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('composer');
      await page.keyboard.type('Hello');
      await page.keyboard.press('Enter');
      await settled(page);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('composer');
      await tabTo(page, 'Answer again', 'Shift+Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('group', { name: 'Versions' }).waitFor();
      await settled(page);
      await page.keyboard.press('Control+,');
      await tabTo(page, 'tab-general');
      await page.keyboard.press('ArrowDown');
      expect(await page.getByRole('tab', { name: 'Model parameters' }).getAttribute('aria-selected')).toBe('true');
      await page.keyboard.press('Escape');
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    }));

  test('a menu opens, moves, closes, and gives the focus back', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Hello');
      await tabTo(page, 'Actions for Hello', 'Shift+Tab');
      await page.keyboard.press('Enter');
      await page.keyboard.press('ArrowDown');
      expect((await focused(page)).trim()).toBe('Pin');
      await page.keyboard.press('Escape');
      expect(await focused(page)).toBe('Actions for Hello');
    }));

  test('a dialog keeps the focus inside', () =>
    withPage(site.url, async ({ page }) => {
      await page.locator('.chip .light').waitFor();
      await tabTo(page, 'Settings');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      for (let i = 0; i < 12; i++) {
        await page.keyboard.press('Tab');
        const inside = await page.evaluate(() => document.activeElement === document.body || document.querySelector('dialog')!.contains(document.activeElement));
        expect(inside).toBe(true);
      }
      await page.keyboard.press('Escape');
      await expect.poll(() => focused(page)).toContain('Settings');
    }));
});

describe('sizes', () => {
  const fits = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  test('360 px wide', () =>
    withPage(site.url, async ({ page }) => {
      expect(await fits(page)).toBe(true);
      await attach(page, picture());
      for (const text of ['script:locate', 'script:table', 'script:code', 'script:math', `word${'x'.repeat(300)}`]) await ask(page, text);
      expect(await fits(page)).toBe(true);
      expect(await page.locator('.column').evaluate((node) => node.scrollWidth <= node.clientWidth)).toBe(true);
      await page.getByRole('button', { name: 'This conversation' }).click();
      await page.getByRole('complementary').waitFor();
      expect(await fits(page)).toBe(true);
    }, { viewport: { width: 360, height: 640 }, hasTouch: true }));

  scripted('the viewer, a document and the settings at 360 px', () =>
    withPage(site.url, async ({ page }) => {
      const dialog = page.getByRole('dialog');
      const inside = async () => {
        const box = (await dialog.boundingBox())!;
        expect(box.x >= 0 && box.x + box.width <= 360 && box.y >= 0 && box.y + box.height <= 640).toBe(true);
        expect(await fits(page)).toBe(true);
        const wide = await dialog.evaluate((node) => Array.from(node.querySelectorAll<HTMLElement>('button, input, select, h3, p')).filter((each) => each.getBoundingClientRect().right > 361 && !each.closest('.tabs')).map((each) => each.outerHTML.slice(0, 80)));
        expect(wide).toEqual([]);
      };
      await attach(page, picture('a.png'), picture('b.png'));
      await ask(page, 'script:locate');
      await lastReply(page).locator('figure').getByRole('button', { name: 'Show boxes on the picture' }).click();
      await dialog.locator('rect').first().waitFor();
      await inside();
      // The tools cover the picture, not the list.
      const [tools, side] = [(await dialog.getByRole('toolbar').boundingBox())!, (await dialog.locator('.side').boundingBox())!];
      expect(tools.y + tools.height).toBeLessThanOrEqual(side.y);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      for (const name of ['General', 'Model parameters', 'Shortcuts', 'Data', 'About']) {
        if ((await dialog.count()) === 0) await page.keyboard.press('Control+,');
        await page.getByRole('tab', { name }).click();
        await inside();
      }
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await page.keyboard.press('Control+Shift+O');
      await page.getByRole('heading', { level: 1 }).waitFor();
      await attach(page, pdf(100, 'a-rather-long-name-of-a-document.pdf'));
      expect(await fits(page)).toBe(true);
      await page.getByRole('button', { name: 'See pages' }).click();
      await dialog.locator('.sheet img[src]').first().waitFor();
      await inside();
    }, { viewport: { width: 360, height: 640 }, hasTouch: true }), ['doc'], site);

  // A zoom of 200 % halves the room and doubles the pixels.
  test('200 % zoom of 1280 x 800', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Hello');
      expect(await fits(page)).toBe(true);
      for (const name of ['Send', 'Attach files']) expect(await page.getByRole('button', { name, exact: true }).isVisible()).toBe(true);
      await page.keyboard.press('Control+,');
      const box = (await page.getByRole('dialog').boundingBox())!;
      expect(box.x >= 0 && box.x + box.width <= 640 && box.y >= 0 && box.y + box.height <= 400).toBe(true);
    }, { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }));

  test('targets are at least 24 px', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'script:locate');
      await page.keyboard.press('Control+Shift+P');
      const small = await page.evaluate(() =>
        Array.from(document.querySelectorAll('button, a[href], input, select, textarea, summary'))
          .map((node) => ({ name: node.getAttribute('aria-label') ?? node.textContent ?? '', box: node.getBoundingClientRect() }))
          .filter(({ box, name }) => box.width > 0 && (box.width < 24 || box.height < 24) && !/Skip/.test(name))
          .map(({ name, box }) => `${name} ${box.width}x${box.height}`));
      expect(small).toEqual([]);
    }));

  test('less motion where it is asked for', () =>
    withPage(site.url, async ({ page }) => {
      await page.keyboard.press('Control+,');
      const duration = await page.getByRole('dialog').evaluate((node) => getComputedStyle(node).animationDuration);
      expect(parseFloat(duration)).toBeLessThan(0.001);
      await page.keyboard.press('Escape');
      if (kRealServer) return;
      await ask(page, `echo:${'A line.\n\n'.repeat(200)}`);
      const view = page.locator('[role=log]');
      await view.evaluate((node) => node.scrollTo(0, 0));
      const left = await page.getByRole('button', { name: 'Jump to latest' }).evaluate((button) => {
        (button as HTMLButtonElement).click();
        const node = document.querySelector('[role=log]')!;
        return node.scrollHeight - node.scrollTop - node.clientHeight;
      });
      expect(left).toBeLessThan(80);
    }, { reducedMotion: 'reduce' }));
});
