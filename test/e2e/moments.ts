/** The moments of a hand-off at which something may happen to it, and bringing one to a moment and holding it there. */

import { expect } from 'vitest';
import type { Step } from '../../src/runner/index.ts';
import type { Site } from './site.ts';

export type Strategy = 'respawn' | 'exec';
/** Who there is beside the old process when the step is announced, and who announces it. */
export type New = 'nobody yet' | 'a rehearsal' | 'a replacement';

export interface Moment {
  readonly step: Step;
  readonly by: 'old' | 'new';
  readonly beside: New;
}

/** When each step comes, by strategy. `report` comes twice in a respawn: in the rehearsal and in the replacement. */
export const MOMENTS: Record<Strategy, readonly Moment[]> = {
  respawn: [
    { step: 'rehearse', by: 'old', beside: 'nobody yet' },
    { step: 'report', by: 'new', beside: 'a rehearsal' },
    { step: 'spawn', by: 'old', beside: 'nobody yet' },
    { step: 'report', by: 'new', beside: 'a replacement' },
    { step: 'release', by: 'old', beside: 'a replacement' },
    { step: 'grant', by: 'old', beside: 'a replacement' },
    { step: 'granted', by: 'new', beside: 'a replacement' },
    { step: 'serve', by: 'new', beside: 'a replacement' },
    { step: 'prove', by: 'old', beside: 'a replacement' },
    { step: 'leave', by: 'old', beside: 'a replacement' },
  ],
  exec: [
    { step: 'rehearse', by: 'old', beside: 'nobody yet' },
    { step: 'report', by: 'new', beside: 'a rehearsal' },
    { step: 'exec', by: 'old', beside: 'nobody yet' },
  ],
};

/** Brings the hand-off to the moment, and holds it there. Resolves with the new process, where there is one. */
export async function reach(
  site: Site,
  { step, by, beside }: Moment,
  old: number,
  upgrade: () => void,
): Promise<number | undefined> {
  const isSecondReport = step === 'report' && beside === 'a replacement';
  site.hold(isSecondReport ? 'spawn' : step);
  upgrade();
  if (isSecondReport) {
    await site.untilReached('spawn');
    const rehearsed = site.reached('report');
    site.hold('report');
    site.letGo('spawn');
    return site.untilReached('report', rehearsed);
  }
  const at = await site.untilReached(step);
  if (by === 'new') return at;
  expect(at).toBe(old);
  const others = site.processes().filter((pid) => pid !== old);
  expect(others).toHaveLength(beside === 'nobody yet' ? 0 : 1);
  return others[0];
}
