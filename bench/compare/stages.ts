/** Which acts share a session, and on what. */

import type { Stage } from './acts.ts';
import { checkedOut } from './cases/checked-out.ts';
import { halfInstalled } from './cases/half-installed.ts';
import { installed } from './cases/installed.ts';
import { newBuild } from './cases/new-build.ts';
import { rebuilt } from './cases/rebuilt.ts';
import { regenerated } from './cases/regenerated.ts';
import { rsynced } from './cases/rsynced.ts';
import { touched } from './cases/touched.ts';
import { type Compare, getBuilt } from './context.ts';
import { BUILDERS } from './project.ts';
import { getInstalled } from './releases.ts';
import type { Job } from './tools.ts';

const BUILD: Job = { kind: 'build', run: 'dist/main.js', watch: 'dist' };
const INSTALLED: Job = {
  kind: 'installed',
  run: 'node_modules/server/dist/main.js',
  watch: 'node_modules/server',
};

/** Longer than any tool waits by default after a change of its own build. */
const QUIET_MS = 2_500;
/** The same for an install: ours waits for 2 s. */
const QUIET_INSTALLED_MS = 4_000;

/** @param names of acts; undefined for all */
export function getStages(bench: Compare, names: readonly string[] | undefined): Stage[] {
  const times = bench.quick ? 1 : 5;
  const stages: Stage[] = BUILDERS.map((builder) => ({
    name: builder,
    job: BUILD,
    quietMs: QUIET_MS,
    prepare: () => getBuilt(bench, builder),
    acts: [
      ...(builder === 'tsc' ? [touched, rsynced, checkedOut] : []),
      rebuilt(builder, times),
      newBuild(builder),
      ...(builder === 'tsc' ? [regenerated] : []),
    ],
  }));
  stages.push({
    name: 'npm',
    job: INSTALLED,
    quietMs: QUIET_INSTALLED_MS,
    prepare: () => getInstalled(bench),
    acts: [installed(bench), halfInstalled(bench)],
  });
  const isAsked = ({ name }: { name: string }) => names === undefined || names.includes(name);
  return stages.map((stage) => ({ ...stage, acts: stage.acts.filter(isAsked) })).filter(({ acts }) => acts.length > 0);
}
