// The screens that are pictured, each from a page that has just been opened.
import type { Page } from 'playwright-core';
import { ask, lastReply, sendText } from '../../tests/e2e/steps';
import { attach, pdf, video } from '../../tests/e2e/media_files';

export interface Screen {
  name: string;
  narrow?: boolean; // at 360 px too
  show: (page: Page) => Promise<void>;
}

async function example(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name }).click();
  await page.locator('li[data-state=ready]').waitFor();
}
async function send(page: Page): Promise<void> {
  await page.locator('#composer').press('Enter');
  await page.locator('article.assistant[data-status=done]').waitFor();
}

export const kScreens: Screen[] = [
  { name: 'start', narrow: true, show: async () => {} },
  { name: 'describe', narrow: true, show: async (page) => {
    await example(page, 'Describe');
    await send(page);
  } },
  { name: 'locate', narrow: true, show: async (page) => {
    await example(page, 'Locate');
    await send(page);
  } },
  { name: 'thinking', show: async (page) => {
    await sendText(page, 'Explain step by step how a camera sees colour.');
    await page.getByRole('button', { name: 'Answer now' }).waitFor();
    await page.locator('.thinking button').first().click();
    await page.waitForTimeout(1600);
  } },
  { name: 'answer', narrow: true, show: async (page) => {
    await ask(page, 'What are the roots of a quadratic equation?');
    await ask(page, 'What is the sum of the first and the last bar?');
    await lastReply(page).locator('.actions .chip').click();
  } },
  { name: 'code', show: async (page) => {
    await ask(page, 'Make a small web page with a button.');
    await page.getByRole('tab', { name: 'Preview' }).click();
  } },
  { name: 'document', show: async (page) => {
    await attach(page, pdf(9, 'annual-report.pdf'));
    await page.getByRole('button', { name: 'Open annual-report.pdf' }).click();
    await page.getByRole('dialog').locator('.sheet img[src]').nth(5).waitFor();
    for (const n of [1, 5, 6]) await page.getByRole('button', { name: `Page ${n}`, exact: true }).click();
  } },
  { name: 'video', show: async (page) => {
    await attach(page, await video(page));
    await ask(page, 'What happens, and when?');
    await lastReply(page).getByRole('button', { name: '00:01', exact: true }).click();
    await page.getByRole('dialog').locator('.tick').first().waitFor();
  } },
  { name: 'viewer', show: async (page) => {
    await example(page, 'Locate');
    await send(page);
    await lastReply(page).getByRole('button', { name: 'Show boxes on the picture' }).first().click();
    await page.getByRole('dialog').locator('li button').last().hover();
  } },
  { name: 'panel', show: async (page) => {
    await example(page, 'Describe');
    await send(page);
    await page.keyboard.press('Control+Shift+P');
    await page.getByRole('textbox', { name: 'System prompt' }).fill('Answer in two sentences.');
    await page.getByRole('spinbutton', { name: 'Temperature' }).fill('0.4');
    await page.getByRole('spinbutton', { name: 'Temperature' }).press('Tab');
  } },
  { name: 'settings', narrow: true, show: async (page) => {
    await page.keyboard.press('Control+,');
    await page.getByRole('dialog').waitFor();
  } },
  { name: 'conversations', narrow: true, show: async (page) => {
    const show = page.getByRole('button', { name: 'Show conversations' });
    if (await show.isVisible()) await show.click();
    await page.getByRole('button', { name: 'Actions for Which mushroom is this?' }).click();
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
  { name: 'chinese', show: async (page) => {
    await page.keyboard.press('Control+,');
    await page.getByRole('radio', { name: '中文' }).check();
    await page.getByRole('tab', { name: '通用' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '描述' }).click();
    await page.locator('li[data-state=ready]').waitFor();
  } },
];
