import { defineConfig } from 'vitest/config';

/** What is to hold on Windows: on it by `npm run test:windows`, elsewhere the same under Wine (test/windows/run.ts). */
export default defineConfig({
  test: {
    include: ['test/{disk,scan,manifest,change,cli}/**/*.test.ts', 'test/drop-in*.test.ts'],
    globalSetup: 'test/windows/build.ts',
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
