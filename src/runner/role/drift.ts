/**
 * How what is installed drifts from what started: what differs, since when, and what it still waits for.
 * @module
 */

import type { Check } from '../../change/detector.ts';
import type { Drift } from './state-file.ts';

/** What of a look tells it. */
export type Seen = Pick<Check, 'verdict' | 'fingerprint' | 'versions' | 'differences' | 'reason' | 'rule'>;

/** So many files are named: enough to know a release again. The state is written at each beat. */
const MOST = 10;

/**
 * After one more look. Null where what started is what is installed.
 * @param from the fingerprint of what started
 */
export function followDrift(before: Drift | null, seen: Seen, from: string, nowMs: number): Drift | null {
  const { verdict, fingerprint, versions, differences, reason, rule } = seen;
  if (verdict === 'current') return null;
  const isOther = versions !== undefined && versions.started !== versions.installed;
  return {
    from,
    to: fingerprint,
    sinceMs: Math.min(before?.from === from ? before.sinceMs : nowMs, nowMs), // the clock may have been set back
    rule: verdict === 'missing' ? 'missing' : (rule ?? null),
    reason: reason ?? null,
    versions: isOther ? { from: versions.started, to: versions.installed } : null,
    files: differences?.length ?? null,
    differences: (differences ?? []).slice(0, MOST),
  };
}
