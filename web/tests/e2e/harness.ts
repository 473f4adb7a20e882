// One browser for all tests, a fresh profile for each, and either the fake server or a real one
// (BASE_URL), for which the cases that need scripted replies or faults are skipped.
import { resolve } from 'node:path';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { FakeServer, type FakeOptions } from '../fake_server';

const kFlags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
export const kRealServer = process.env.GLMV_BASE_URL || undefined;
export const kSlow = 30_000;

let browser: Browser | null = null;

export async function theBrowser(): Promise<Browser> {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: kFlags });
  return browser;
}

export interface Site {
  url: string;
  fake: FakeServer;
}

// Starts the fake server for the tests of a file; with BASE_URL, that server is used where a test
// does not need the fake one.
export function useSite(options: Partial<FakeOptions> = {}): Site {
  const site: Site = { url: '', fake: new FakeServer({ dist: resolve('dist'), ...options }) };
  beforeAll(async () => {
    await theBrowser();
    await site.fake.start();
    site.url = kRealServer ?? site.fake.url;
  });
  afterAll(async () => {
    await site.fake.kill();
    await browser?.close();
    browser = null;
  });
  return site;
}

// A case that needs scripted replies or faults: skipped on a real server, which its name then says.
export function scripted(name: string, run: () => Promise<void>): void {
  test.skipIf(kRealServer !== undefined)(kRealServer ? `${name} (skipped: needs the fake server)` : name, run);
}

export interface Opened {
  page: Page;
  context: BrowserContext;
  errors: string[]; // uncaught, and violations of the policy
}

export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await (await theBrowser()).newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(kSlow);
  const errors = watch(page);
  await page.goto(url);
  return { page, context, errors };
}

export function watch(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy|Content-Security-Policy/i.test(message.text())) errors.push(`policy: ${message.text()}`);
  });
  return errors;
}

export async function withPage(url: string, run: (opened: Opened) => Promise<void>, options: BrowserContextOptions = {}): Promise<void> {
  const opened = await openPage(url, options);
  try {
    await run(opened);
    if (opened.errors.length > 0) throw new Error(opened.errors.join('\n'));
  } finally {
    await opened.context.close();
  }
}

export { ask, lastReply, sendText, settled } from './steps';
