import { defineConfig } from 'vitest/config';

/** The real package managers, builders and runtimes: `npx vitest run --config vitest.e2e.config.ts`. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 3, // on two cores: the tests mostly wait
    testTimeout: 120_000,
  },
});
