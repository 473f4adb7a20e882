import { defineConfig } from 'vitest/config';

// The page in Chromium. One worker: the tests measure times, and share one browser.
export default defineConfig({
  test: {
    include: ['tests/e2e/**/*.test.ts'],
    environment: 'node',
    // Vite gives BASE_URL a meaning of its own inside the tests.
    env: { GLMV_BASE_URL: process.env.BASE_URL ?? '' },
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // Of expect.poll: a second is short where the machine is busy.
    expect: { poll: { timeout: 10_000 } },
  },
});
