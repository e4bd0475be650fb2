import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/supervisors/**', 'test/storm/**', 'test/windows/**', '**/node_modules/**'],
    globalSetup: 'test/helpers/build-cli.ts',
    pool: 'forks',
    maxWorkers: 3, // the tests mostly wait
    testTimeout: 20_000,
    hookTimeout: 60_000, // hooks pack and install
  },
});
