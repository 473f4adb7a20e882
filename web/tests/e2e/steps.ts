// What a user does, for tests and screenshots.
import type { Locator, Page } from 'playwright-core';

// Sends a text and waits for the end of the reply.
export async function ask(page: Page, text: string): Promise<void> {
  const before = await page.locator('article.assistant').count();
  await sendText(page, text);
  await page.locator('article.assistant').nth(before).waitFor();
  await settled(page);
}

export async function sendText(page: Page, text: string): Promise<void> {
  await page.locator('#composer').fill(text);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

export async function settled(page: Page): Promise<void> {
  await page.locator('article.assistant').last().waitFor();
  await page.locator('article.assistant[data-status=streaming]').first().waitFor({ state: 'detached' });
}

export function lastReply(page: Page): Locator {
  return page.locator('article.assistant').last();
}
