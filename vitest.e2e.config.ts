import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those of over two minutes. Left to itself, vitest starts with the largest file, and one worker ends alone. */
const LONGEST = ['upgrade', 'runtimes', 'launch', 'handoff-bad-code'].map((name) => `/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.some((name) => moduleId.endsWith(name));
    return [...files.filter(isLong), ...files.filter((file) => !isLong(file))];
  }
}

/** The real package managers, builders and runtimes: `npx vitest run --config vitest.e2e.config.ts`. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: 'test/e2e/ground.ts',
    pool: 'forks',
    isolate: false, // else each file starts a process and loads all modules anew
    maxWorkers: 5, // on two cores: a worker is busy for a quarter of its time
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000, // hooks build, pack and install
  },
});
