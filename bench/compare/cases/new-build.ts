import type { Act } from '../acts.ts';
import { type Builder, build, writeSources } from '../project.ts';
import { nextRelease } from '../releases.ts';

/** All 500 files differ. */
export const newBuild = (builder: Builder): Act => ({
  name: 'new-build',
  what: 'one build of 500 changed files by tsc, esbuild, vite, tsdown',
  target: 1,
  async run({ root }, release) {
    const next = nextRelease(release);
    writeSources(root, next);
    await build(root, builder);
    return next;
  },
});
