import { defineConfig } from 'vitest/config';

/** The runner under real supervisors, upgraded by real installs: docs/supervisors.md has the outcome. */
export default defineConfig({
  test: {
    include: ['test/supervisors/**/*.test.ts'],
    globalSetup: 'test/supervisors/ground.ts',
    pool: 'forks',
    maxWorkers: 4,
    maxConcurrency: 5, // the cells mostly wait
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
