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
      // What names no page is said, and changes nothing.
      await dialog.getByRole('textbox').fill('9');
      await page.keyboard.press('Tab');
      expect(await dialog.getByRole('status').innerText()).toContain('No such page: there are 1 to 3.');
      await page.keyboard.press('Escape');
      expect(await chip.innerText()).toContain('Pages 1,3');
      await ask(page, 'Summarise it');
      const content = ((await lastBody(site)).messages as { content: object[] }[])[0]!.content;
      expect(content[0]).toMatchObject({ type: 'file', pages: '1,3' });
      expect(await page.locator('article.user .badge').innerText()).toContain('Pages 1,3');
    }), ['doc'], site);

  scripted('of a document with more pages than a message takes, some are chosen in its chip', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, pdf(100, 'long.pdf'));
      const chip = page.locator('li[data-state=ready]');
      const send = page.getByRole('button', { name: 'Send', exact: true });
      expect(await chip.innerText()).toContain('100 pages; a message takes 60. Choose some.');
      await page.locator('#composer').fill('Summarise it');
      expect(await send.getAttribute('aria-disabled')).toBe('true');
      // Who sends all the same is shown the pages; none of them is chosen yet.
      await page.locator('#composer').press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Page 2', exact: true }).click();
      expect(await dialog.getByRole('textbox', { name: 'Pages' }).inputValue()).toBe('2');
      await page.keyboard.press('Escape');
      expect(await chip.innerText()).toContain('Pages 2');
      await chip.getByRole('button', { name: 'Open long.pdf' }).click();
      await dialog.getByRole('textbox', { name: 'Pages' }).fill('1-61');
      await page.keyboard.press('Tab');
      expect(await dialog.getByRole('status').innerText()).toContain('61 pages are chosen; a message takes 60.');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      expect(await send.getAttribute('aria-disabled')).toBe('true');
      await chip.getByRole('textbox', { name: 'Pages of long.pdf' }).fill('101');
      await page.keyboard.press('Enter');
      expect(await chip.innerText()).toContain('No such page: there are 1 to 100.');
      await chip.getByRole('textbox', { name: 'Pages of long.pdf' }).fill('3-4');
      await page.keyboard.press('Enter');
      expect(await chip.innerText()).toContain('Pages 3-4');
      expect(await page.locator('article').count()).toBe(0);
      await ask(page, 'Summarise it');
      expect(((await lastBody(site)).messages as { content: object[] }[])[0]!.content[0]).toMatchObject({ type: 'file', pages: '3-4' });
      // The first ones, with a click.
      await attach(page, pdf(61, 'other.pdf'));
      await page.getByRole('textbox', { name: 'Pages of other.pdf' }).fill('none');
      await page.getByRole('button', { name: 'First 60' }).click();
      expect(await page.locator('li[data-state=ready]').innerText()).toContain('Pages 1-60');
      await ask(page, 'And this?');
    }), ['doc'], site);

  scripted('an upload is given up', () =>
    withPage(site.url, async ({ page }) => {
      await page.route('**/api/files', () => {}); // never answered
      await page.locator('#picker').setInputFiles(picture());
      const chip = page.locator('li[data-state=sending]');
      await chip.getByRole('progressbar').waitFor();
      const [ended] = await Promise.all([page.waitForEvent('requestfailed'), chip.getByRole('button', { name: 'Remove scene.png' }).click()]);
      expect(ended.url()).toContain('/api/files');
      await expect.poll(() => page.locator('.chips li').count()).toBe(0);
      await ask(page, 'Without it');
    }));

  scripted('of a picture that moves the first frame is sent, and that is said', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, { name: 'moves.gif', mimeType: 'image/gif', buffer: readFileSync('../tests/golden/media/animated.gif') });
      expect(await page.locator('li[data-state=ready]').innerText()).toContain('first frame');
      await ask(page, 'What is this?');
      expect(await page.locator('article.user .badge').innerText()).toBe('first frame');
    }));

  scripted('formats that the server does not take are made anew where the browser reads them', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, { name: 'new.avif', mimeType: 'image/avif', buffer: readFileSync('../tests/golden/media/rgb_444.avif') });
      await page.locator('li[data-state=ready] img').waitFor();
      await page.locator('#picker').setInputFiles({ name: 'old.tif', mimeType: 'image/tiff', buffer: readFileSync('../tests/golden/media/rgb.tif') });
      await expect.poll(() => page.getByRole('alert').innerText()).toContain('old.tif: neither the server nor this browser reads TIFF pictures');
      expect(await page.locator('.chips li').count()).toBe(1);
      await ask(page, 'What is this?');
      expect(await lastReply(page).getAttribute('data-status')).toBe('done');
    }));

  scripted('slides', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, slides());
      expect(await page.locator('li[data-state=ready]').innerText()).toMatch(/\d pages/);
      await ask(page, 'What is it about?');
      await page.locator('article.user .strip img').waitFor();
    }), ['doc'], site);

  scripted('a video: times in the answer seek, frames are marked', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, video());
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

  scripted('previews that the server has forgotten come again', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, pdf(2));
      await ask(page, 'Summarise it');
      await site.server.forgetFiles();
      const uploads = async () => (await site.server.requests()).filter((each) => each.method === 'POST' && each.path === '/api/files').length;
      const before = await uploads();
      await page.reload();
      await page.locator('article.user .strip img').waitFor();
      await page.getByRole('button', { name: 'Open report.pdf' }).click();
      await expect.poll(() => page.getByRole('dialog').locator('.sheet img[src]').count()).toBe(2);
      // Once for all of its pages; and the message keeps the new name.
      expect(await uploads()).toBe(before + 1);
      await page.keyboard.press('Escape');
      await page.reload();
      await page.locator('article.user .strip img').waitFor();
      await page.getByRole('button', { name: 'Open report.pdf' }).click();
      await expect.poll(() => page.getByRole('dialog').locator('.sheet img[src]').count()).toBe(2);
      expect(await uploads()).toBe(before + 1);
    }), ['doc'], site);

  scripted('a preview that nobody has any more says so', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, pdf(2));
      await ask(page, 'Summarise it');
      await page.evaluate(() => new Promise((done) => {
        const opening = indexedDB.open('glmv');
        opening.onsuccess = () => {
          const change = opening.result.transaction('blob', 'readwrite');
          change.objectStore('blob').clear();
          change.oncomplete = () => done(opening.result.close());
        };
      }));
      await site.server.forgetFiles();
      await page.reload();
      await page.getByRole('button', { name: 'Open report.pdf' }).click();
      await expect.poll(() => page.getByRole('dialog').locator('.sheet').first().innerText()).toContain('not here any more');
    }), ['doc'], site);
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

  scripted('a click on a box finds it in the list', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture());
      await ask(page, 'script:locate');
      await lastReply(page).getByRole('button', { name: 'Show boxes on the picture' }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.locator('.picture img').waitFor();
      await dialog.locator('rect').nth(1).click();
      expect(await dialog.locator('li button:focus').innerText()).toContain('the lamp');
    }));

  scripted('keys zoom and move a picture, and go between several', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture('a.png'), picture('b.png'));
      await ask(page, 'script:plain');
      await page.getByRole('button', { name: 'Open a.png' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.locator('.picture img').waitFor();
      const stage = dialog.getByRole('application');
      for (let tabs = 0; tabs < 8 && !(await stage.evaluate((node) => node === document.activeElement)); tabs++) await page.keyboard.press('Tab');
      const tools = dialog.getByRole('toolbar');
      const place = () => dialog.locator('.picture').evaluate((node) => node.style.transform);
      await page.keyboard.press('+');
      expect(await tools.innerText()).toContain('140');
      const before = await place();
      await page.keyboard.press('ArrowLeft');
      expect(await place()).not.toBe(before);
      await page.keyboard.press('-');
      expect(await tools.innerText()).toContain('100');
      await page.keyboard.press('+');
      await page.keyboard.press('0');
      expect(await tools.innerText()).toContain('100');
      await dialog.getByRole('button', { name: 'Next' }).press('Enter');
      await dialog.getByRole('heading', { name: 'b.png' }).waitFor();
      await page.keyboard.press('Escape');
      await expect.poll(() => dialog.count()).toBe(0);
    }));

  scripted('of several pictures, boxes are on the last, on the one that is named, or where the user wants them', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, picture('a.png'), picture('b.png'));
      await ask(page, 'script:locate');
      const choice = lastReply(page).getByRole('combobox', { name: 'Drawn on' });
      expect(await choice.inputValue()).toBe('1');
      await choice.selectOption('Picture 1: a.png');
      expect(await lastReply(page).locator('figure img').getAttribute('alt')).toBe('a.png');
      expect(await lastReply(page).locator('figure rect').count()).toBe(2);
      await lastReply(page).locator('figure').getByRole('button', { name: 'Show boxes on the picture' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('heading', { name: 'a.png' }).waitFor();
      await dialog.getByRole('combobox').selectOption('Picture 2: b.png');
      await dialog.getByRole('heading', { name: 'b.png' }).waitFor();
      expect(await dialog.locator('rect').count()).toBe(2);
      await page.keyboard.press('Escape');
      await ask(page, 'echo:Image 1: a cup [[100,100,300,300]]. Image 2: a lamp [[500,100,700,300]], a table [[0,700,1000,1000]]');
      expect(await choice.inputValue()).toBe('0');
      expect(await lastReply(page).locator('figure rect').count()).toBe(1);
      await choice.selectOption('1');
      expect(await lastReply(page).locator('figure rect').count()).toBe(2);
    }));

  scripted('boxes on the pages of a document that were chosen', () =>
    withPage(site.url, async ({ page }) => {
      await attach(page, pdf(9));
      await page.getByRole('button', { name: 'Open report.pdf' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('textbox', { name: 'Pages' }).fill('3-5');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await ask(page, 'script:locate');
      const choice = lastReply(page).getByRole('combobox', { name: 'Drawn on' });
      expect(await choice.locator('option').allInnerTexts()).toEqual(['Page 3', 'Page 4', 'Page 5']);
      const shown = async (n: number) => (await site.server.requests()).some((each) => each.path.endsWith(`/pages/${n}`));
      await expect.poll(() => shown(3)).toBe(true);
      await choice.selectOption('Page 4');
      await expect.poll(() => shown(4)).toBe(true);
      const sheet = (await lastReply(page).locator('figure .picture').boundingBox())!;
      expect(sheet.width / sheet.height).toBeCloseTo(595 / 842, 1);
      expect(await shown(1)).toBe(false);
      await lastReply(page).locator('figure').getByRole('button', { name: 'Show boxes on the picture' }).click();
      expect(await dialog.getByRole('combobox').locator('option:checked').innerText()).toBe('Page 4');
      await dialog.getByRole('combobox').selectOption('Page 5');
      await expect.poll(() => shown(5)).toBe(true);
      await expect.poll(() => dialog.locator('rect').count()).toBe(2);
      await settled(page);
    }), ['doc'], site);
});
