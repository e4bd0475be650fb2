import type { Act } from '../acts.ts';
import { type Builder, build } from '../project.ts';
import { untilQuiet } from '../session.ts';

/** So that a tool may restart for the next build too. */
const BETWEEN_MS = 2_000;

export const rebuilt = (builder: Builder, times: number): Act => ({
  name: 'rebuilt',
  what: `${times * 4} builds of unchanged sources: ${times} each by tsc, esbuild, vite, tsdown`,
  target: 0,
  async run(session, release) {
    for (let i = 0; i < times; i++) {
      await build(session.root, builder);
      await untilQuiet(session, BETWEEN_MS);
    }
    return release;
  },
});
