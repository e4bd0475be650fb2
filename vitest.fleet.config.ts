import { defineConfig } from 'vitest/config';

/** A fleet asked by a real Prometheus: `npm run test:fleet`. */
export default defineConfig({
  test: {
    include: ['test/fleet/**/*.test.ts'],
    globalSetup: 'test/helpers/build-cli.ts',
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
