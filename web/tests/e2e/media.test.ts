// Pictures, documents, videos, boxes, the viewer.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ask, kRealServer, lastBody, lastReply, scripted, settled, useSite, withPage } from './harness';
import { attach, pdf, picture, slides, transfer, video } from './media_files';

const site = useSite();
type Content = { content: { type: string; image_url?: { url: string } }[] }[];

describe('attachments', () => {
  test('a picture that is dropped is sent and shown', () =>
    withPage(site.url, async ({ page }) => {
      await transfer(page, 'drop', [picture()]);
      await page.locator('li[data-state=ready]').waitFor();
      await ask(page, 'What is this?');
      await page.locator('article.user .strip img').waitFor();
      if (!kRealServer) {
        const content = ((await lastBody(site)).messages as Content)[0]!.content;
        expect(content[0]!.image_url!.url).toMatch(/^file:f_/);
        expect(content[1]).toMatchObject({ type: 'text' });
      }
      await page.reload();
      await page.locator('article.user .strip img').waitFor();
    }));

  test('a picture that is pasted; its description; its removal', () =>
    withPage(site.url, async ({ page }) => {
      await transfer(page, 'paste', [picture('shot.png')]);
      const chip = page.locator('li[data-state=ready]');
      await chip.waitFor();
      await chip.getByRole('button', { name: 'Describe shot.png' }).click();
      await page.getByRole('textbox', { name: 'Description' }).fill('Two cups');
      await page.keyboard.press('Enter');
      expect(await chip.locator('img').getAttribute('alt')).toBe('Two cups');
      await chip.getByRole('button', { name: 'Remove shot.png' }).click();
      await expect.poll(() => chip.count()).toBe(0);
      expect(await page.locator('#composer').evaluate((node) => node === document.activeElement)).toBe(true);
    }));

  scripted('a PDF of three pages: pages are chosen, and only they are sent', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, pdf(3));
      const chip = page.locator('li[data-state=ready]');
      expect(await chip.innerText()).toContain('3 pages');
      await chip.getByRole('button', { name: 'Open report.pdf' }).click();
      const dialog = page.getByRole('dialog');
      await expect.poll(() => dialog.locator('.sheet img[src]').count()).toBe(3);
      await dialog.getByRole('button', { name: 'Page 2' }).click();
      expect(await dialog.getByRole('status').innerText()).toContain('2 pages');
      await page.keyboard.press('Escape');
      expect(await chip.innerText()).toContain('Pages 1,3');
      await ask(page, 'Summarise it');
      const content = ((await lastBody(site)).messages as { content: object[] }[])[0]!.content;
      expect(content[0]).toMatchObject({ type: 'file', pages: '1,3' });
      expect(await page.locator('article.user .badge').innerText()).toContain('Pages 1,3');
    }), ['doc'], site);

  scripted('slides', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, slides());
      expect(await page.locator('li[data-state=ready]').innerText()).toMatch(/\d pages/);
      await ask(page, 'What is it about?');
      await page.locator('article.user .strip img').waitFor();
    }), ['doc'], site);

  scripted('a video: times in the answer seek, frames are marked', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, await video(page));
      expect(await page.locator('li[data-state=ready]').innerText()).toMatch(/0:0[1-6]/);
      await ask(page, 'What happens?');
      await lastReply(page).getByRole('button', { name: '00:01', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await expect.poll(() => dialog.locator('.tick').count()).toBeGreaterThan(1);
      await expect.poll(() => dialog.locator('video').evaluate((node: HTMLVideoElement) => node.currentTime)).toBeCloseTo(1, 0);
      expect(await dialog.getByRole('list', { name: 'Times in the answer' }).getByRole('button').count()).toBeGreaterThan(0);
    }));

  scripted('a video that the browser cannot play is shown by its frames', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, { name: 'old.avi', mimeType: 'video/x-msvideo', buffer: readFileSync('../tests/golden/video/xvid.avi') });
      await page.getByRole('button', { name: 'Open old.avi' }).click();
      await page.getByRole('img', { name: 'Frame at 0:00' }).waitFor();
      await page.getByRole('slider', { name: 'Position' }).fill('1');
      await page.getByRole('img', { name: 'Frame at 0:01' }).waitFor();
      await page.getByRole('button', { name: 'End here' }).click();
      await page.keyboard.press('Escape');
      expect(await page.locator('li[data-state=ready]').innerText()).toContain('0:00 – 0:01');
    }));

  scripted('too many, and no media at all, are refused with the reason', () =>
    withPage(site.url, async ({ page }) => {
      await page.locator('#picker').setInputFiles({ name: 'x.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ') });
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('x.exe');
      await page.locator('#picker').setInputFiles({ name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0) });
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('is empty');
      await page.locator('#picker').setInputFiles(Array.from({ length: 11 }, (_, i) => picture(`p${i}.png`)));
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('At most 10 pictures');
      await expect.poll(() => page.locator('li[data-state=ready]').count()).toBe(10);
    }));

  scripted('kinds that a model does not take together are refused', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture());
      await page.locator('#picker').setInputFiles(pdf(1));
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('cannot be mixed');
    }), ['no-mix'], site);

  scripted('a broken file shows why, and does not stop the others', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, { name: 'broken.png', mimeType: 'image/png', buffer: picture().buffer.subarray(0, 32) });
      expect(await page.locator('li[data-state=error]').innerText()).toMatch(/Not a whole PNG|damaged or empty/);
      await page.locator('#composer').fill('x');
      expect(await page.getByRole('button', { name: 'Send', exact: true }).getAttribute('aria-disabled')).toBe('true');
    }));

  scripted('text files and long pastes become part of the message', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, { name: 'a.py', mimeType: 'text/x-python', buffer: Buffer.from('print(1)\n') });
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.setData('text/plain', 'long '.repeat(10_000));
        document.querySelector('#composer')!.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      });
      await expect.poll(() => page.locator('li[data-state=ready]').count()).toBe(2);
      await ask(page, 'Explain');
      const content = String(((await lastBody(site)).messages as { content: unknown }[])[0]!.content);
      expect(content).toContain('a.py\n```py\nprint(1)\n\n```');
      expect(content.endsWith('Explain')).toBe(true);
    }));

  scripted('files that the server has forgotten are sent again', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture());
      await ask(page, 'What is this?');
      await site.server.forgetFiles();
      await ask(page, 'And now?');
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
      const sent = (await site.server.requests()).filter((each) => each.method === 'POST' && each.path === '/api/files');
      expect(sent.length).toBeGreaterThanOrEqual(2);
    }));
});

describe('boxes and the viewer', () => {
  scripted('boxes are drawn; list and boxes light each other; the picture zooms', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture());
      await ask(page, 'script:locate');
      const figure = lastReply(page).locator('figure');
      expect(await figure.locator('rect').count()).toBe(2);
      await figure.getByRole('button', { name: /the lamp/ }).hover();
      expect(await figure.locator('g.active rect').count()).toBe(1);
      await lastReply(page).getByRole('button', { name: 'Show boxes on the picture' }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.locator('.picture img').waitFor();
      await dialog.locator('rect').first().hover();
      expect(await dialog.locator('li button.active').innerText()).toContain('red cup');
      await dialog.getByRole('button', { name: 'Zoom in' }).click();
      expect(await dialog.getByRole('toolbar').innerText()).toContain('140');
      await dialog.getByRole('button', { name: 'Show or hide boxes' }).click();
      expect(await dialog.locator('rect').count()).toBe(0);
      await dialog.getByRole('button', { name: 'Fit' }).click();
      expect(await dialog.getByRole('toolbar').innerText()).toContain('100');
      await page.keyboard.press('Escape');
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    }));

  scripted('boxes on a page of a document', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, pdf(2));
      await ask(page, 'script:locate');
      await lastReply(page).getByRole('button', { name: 'Show boxes on the picture' }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('spinbutton', { name: 'Page' }).fill('2');
      await expect.poll(() => dialog.locator('rect').count()).toBe(2);
      await settled(page);
    }), ['doc'], site);
});
