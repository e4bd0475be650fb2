import { defineConfig } from 'vitest/config';

/** What is to hold on Windows: `npm run test:windows` (test/windows/run.ts). */
export default defineConfig({
  test: {
    include: ['test/{platform,disk,scan,manifest,change,cli,windows}/**/*.test.ts', 'test/drop-in*.test.ts'],
    exclude: ['**/node_modules/**'],
    globalSetup: 'test/windows/build.ts',
    pool: 'forks',
    isolate: false, // else each file starts a process and loads all modules anew
    maxWorkers: 4,
    testTimeout: 120_000, // a process takes half a second to start there
    hookTimeout: 60_000,
  },
});
