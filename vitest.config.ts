import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/{e2e,supervisors,fleet,storm,windows}/**', '**/node_modules/**'],
    globalSetup: 'test/helpers/build-cli.ts',
    pool: 'forks',
    isolate: false, // else each file starts a process and loads all modules anew
    maxWorkers: 5, // on two cores: the tests mostly wait
    testTimeout: 20_000,
    hookTimeout: 60_000, // hooks pack and install
  },
});
