// One browser for all tests, a fresh profile for each, and a server: a scripted one (servers.ts), or a
// real one (BASE_URL), for which the cases that need scripted replies or faults are skipped.
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';
import { makeServer, type ServerOptions, type TestServer } from './servers';

const kFlags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
export const kRealServer = process.env.GLMV_BASE_URL || undefined;
export const kSlow = 30_000;
const kRealTokens = 48;

let browser: Browser | null = null;

export async function theBrowser(): Promise<Browser> {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: kFlags });
  return browser;
}

export interface Site {
  url: string;
  server: TestServer;
}

// Starts a scripted server for the tests of a file; with BASE_URL, that server is used where a test
// needs no scripts.
export function useSite(options: ServerOptions = {}): Site {
  const site: Site = { url: '', server: makeServer(options) };
  beforeAll(async () => {
    await theBrowser();
    await site.server.start();
    site.url = kRealServer ?? site.server.url;
  });
  afterAll(async () => {
    await site.server.dispose();
    await browser?.close();
    browser = null;
  });
  return site;
}

export async function lastBody(site: Site): Promise<Record<string, unknown>> {
  return (await site.server.requests()).findLast((each) => each.path === '/v1/chat/completions')!.body!;
}

// What a server may lack: a kind of file, or the rule against mixing them.
export type Need = 'doc' | 'no-mix';

async function lacks(url: string, needs: Need[]): Promise<Need | undefined> {
  if (needs.length === 0) return undefined;
  const { capabilities } = (await (await fetch(`${url}/api/info`)).json()) as { capabilities: Record<string, boolean> };
  if (needs.includes('doc') && !capabilities.doc) return 'doc';
  return needs.includes('no-mix') && capabilities.mix ? 'no-mix' : undefined;
}

// A case that needs scripted replies or faults: skipped on a real server, which its name then says.
export function scripted(name: string, run: () => Promise<void>, needs: Need[] = [], site?: Site): void {
  test.skipIf(kRealServer !== undefined)(kRealServer ? `${name} (skipped: needs scripts)` : name, async (context) => {
    const missing = needs.length > 0 ? await lacks(site?.url ?? '', needs) : undefined;
    context.skip(missing !== undefined, `this server lacks: ${missing}`);
    await run();
  });
}

export interface Opened {
  page: Page;
  context: BrowserContext;
  errors: string[]; // uncaught, and violations of the policy
}

export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await (await theBrowser()).newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...options });
  // What a small model says to this goes on for long, and it does not matter how it ends.
  if (kRealServer) {
    await context.addInitScript((tokens) => {
      if (location.protocol === 'about:' || localStorage.getItem('glmv-settings')) return;
      localStorage.setItem('glmv-settings', JSON.stringify({ params: { max_tokens: tokens } }));
    }, kRealTokens);
  }
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
