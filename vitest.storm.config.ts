import { defineConfig } from 'vitest/config';

/** Upgrades, kills and broken releases at random: `npm run test:storm`. */
export default defineConfig({
  test: {
    include: ['test/storm/**/*.test.ts'],
    globalSetup: 'test/storm/ground.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
