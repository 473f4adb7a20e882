import { describe, expect, test } from 'vitest';
import { ask, lastReply, useSite, withPage } from './harness';

const site = useSite();

describe('chat', () => {
  test('a message is sent and its answer streams', () =>
    withPage(site.url, async ({ page }) => {
      await ask(page, 'Hello there');
      expect(await lastReply(page).locator('.prose').innerText()).not.toBe('');
      expect(page.url()).toContain('#/c/');
    }));
});
