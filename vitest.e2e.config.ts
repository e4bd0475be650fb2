import { defineConfig } from 'vitest/config';

/** The real package managers, builders and runtimes: `npx vitest run --config vitest.e2e.config.ts`. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2, // the tests mostly wait; a third starves builders and package managers, whose pauses then look like a release
    testTimeout: 120_000,
  },
});
