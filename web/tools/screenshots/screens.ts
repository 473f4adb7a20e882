// The screens that are pictured, each from a page that has just been opened, with a conversation in it
// or without one.
import type { Page } from 'playwright-core';
import { lastReply, sendText } from '../../tests/e2e/steps';
import { attach } from '../../tests/e2e/media_files';
import type { Art } from './art';

export interface Screen {
  name: string;
  talk?: string; // of talks.ts
  narrow?: boolean; // at 360 px too
  height?: number; // of the wide one
  chinese?: boolean;
  show?: (page: Page, art: Art) => Promise<void>;
}

async function unfold(page: Page): Promise<void> {
  await lastReply(page).locator('.thinking button').first().click();
  await page.mouse.move(0, 0);
}
async function viewBoxes(page: Page): Promise<void> {
  await lastReply(page).locator('figure').getByRole('button', { name: /picture|图片/ }).click();
  await page.getByRole('dialog').locator('.picture img').waitFor();
}
const settingsTab = (name: string) => async (page: Page) => {
  await page.keyboard.press('Control+,');
  await page.getByRole('tab', { name }).click();
};

export const kScreens: Screen[] = [
  { name: 'start', narrow: true },
  { name: 'describe', talk: 'describe', narrow: true },
  { name: 'locate', talk: 'locate', narrow: true, height: 1010 },
  { name: 'answer', talk: 'answer', narrow: true, height: 980, show: async (page) => {
    await unfold(page);
    await lastReply(page).locator('.actions .chip').click();
  } },
  { name: 'thinking', narrow: true, show: async (page) => {
    await sendText(page, 'Explain step by step how a camera sees colour.');
    await page.getByRole('button', { name: 'Answer now' }).waitFor();
    await unfold(page);
    await page.waitForTimeout(2200);
  } },
  { name: 'code', talk: 'code', narrow: true, height: 960 },
  { name: 'math', talk: 'math' },
  { name: 'html', talk: 'html', height: 860, show: async (page) => {
    await page.getByRole('tab', { name: 'Preview' }).click();
    await page.waitForTimeout(800);
  } },
  { name: 'document', narrow: true, show: async (page, art) => {
    await attach(page, { name: 'annual-report.pdf', mimeType: 'application/pdf', buffer: art.report });
    await page.getByRole('button', { name: 'Open annual-report.pdf' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('.sheet img[src]').nth(1).waitFor();
    await dialog.getByRole('textbox', { name: 'Pages' }).fill('1,4-6');
    await page.keyboard.press('Tab');
    await page.mouse.move(0, 0);
  } },
  { name: 'document-answer', talk: 'document', height: 880, show: async (page) => {
    await page.locator('article.user .strip img').waitFor();
  } },
  { name: 'boxes-on-page', talk: 'pages', height: 1080, show: async (page) => {
    await page.locator('article.user .strip img').waitFor();
    await lastReply(page).locator('figure img').waitFor();
  } },
  { name: 'video-answer', talk: 'video', show: async (page) => {
    await page.locator('article.user .strip img').waitFor();
  } },
  { name: 'video', talk: 'video', narrow: true, show: async (page) => {
    await lastReply(page).getByRole('button', { name: '0:03 - 0:04' }).click();
    await page.getByRole('dialog').locator('.tick').first().waitFor();
    await page.waitForTimeout(600);
  } },
  { name: 'viewer', talk: 'locate', narrow: true, show: async (page) => {
    await viewBoxes(page);
    await page.getByRole('dialog').locator('.side li button').first().hover();
  } },
  { name: 'viewer-page', talk: 'pages', show: async (page) => {
    await lastReply(page).locator('figure img').waitFor();
    await viewBoxes(page);
    await page.getByRole('dialog').locator('.side li button').first().hover();
  } },
  { name: 'branches', talk: 'branches', show: async (page) => {
    await page.locator('article.user').first().hover();
    await page.locator('article.user').last().getByRole('button', { name: 'Edit message' }).click({ force: true });
    await page.locator('article.user').first().hover();
  } },
  { name: 'attachments', show: async (page, art) => {
    await attach(page, { name: 'kitchen.png', mimeType: 'image/png', buffer: art.stillLife }, { name: 'broken.png', mimeType: 'image/png', buffer: art.chart.subarray(0, 32) });
    await page.locator('#composer').fill('What do the picture and the film have to do with the minutes?');
    // One that is half way.
    await page.evaluate(() => {
      const send = XMLHttpRequest.prototype.send;
      XMLHttpRequest.prototype.send = function () {
        XMLHttpRequest.prototype.send = send;
        setTimeout(() => this.upload.dispatchEvent(new ProgressEvent('progress', { lengthComputable: true, loaded: 62, total: 100 })), 50);
      };
    });
    await page.locator('#picker').setInputFiles({ name: 'harbour.webm', mimeType: 'video/webm', buffer: art.film });
    await page.getByText('Sending, 62 %').waitFor();
    await page.locator('#picker').setInputFiles([
      { name: 'scan.tif', mimeType: 'image/tiff', buffer: Buffer.from('II*\0') },
      { name: 'minutes-of-2025.pdf', mimeType: 'application/pdf', buffer: Buffer.concat([art.report, Buffer.from('/Type /Page '.repeat(120))]) },
    ]);
    await page.locator('li.ask').waitFor();
  } },
  { name: 'errors', talk: 'errors', height: 880 },
  { name: 'panel', talk: 'describe', show: async (page) => {
    await page.keyboard.press('Control+Shift+P');
    await page.getByRole('textbox', { name: 'System prompt' }).fill('Answer in two sentences.');
    await page.getByRole('spinbutton', { name: 'Temperature' }).fill('0.4');
    await page.getByRole('spinbutton', { name: 'Temperature' }).press('Tab');
  } },
  { name: 'settings', narrow: true, show: settingsTab('General') },
  { name: 'settings-parameters', show: settingsTab('Model parameters') },
  { name: 'settings-data', show: settingsTab('Data') },
  { name: 'settings-about', show: settingsTab('About') },
  { name: 'shortcuts', show: async (page) => {
    await page.keyboard.press('Control+/');
    await page.getByRole('dialog').waitFor();
  } },
  { name: 'conversations', talk: 'describe', narrow: true, show: async (page) => {
    const show = page.getByRole('button', { name: 'Show conversations' });
    if (await show.isVisible()) await show.click();
    await page.getByRole('button', { name: 'Actions for Which mushroom is this?' }).click({ force: true });
  } },
  { name: 'server-down', show: async (page) => {
    await page.route('**/api/info', (route) => route.abort());
    await page.reload();
    await page.getByRole('alert').waitFor();
  } },
  { name: 'login', show: async (page) => {
    await page.route('**/api/info', (route) => route.fulfill({ status: 401, json: { error: { message: 'key', code: 'invalid_api_key' } } }));
    await page.reload();
    await page.getByLabel('API key').waitFor();
  } },
  { name: 'chinese', chinese: true, narrow: true },
  { name: 'chinese-answer', talk: 'chinese', chinese: true, narrow: true, height: 1010 },
];
