/**
 * How what is watched drifts from what the command was started on, as a runner's state tells it.
 * @module
 */

import type { Verdict } from '../../change/detector.ts';
import type { FileDifference } from '../../manifest/diff.ts';
import { followDrift } from '../../runner/role/drift.ts';
import type { Drift } from '../../runner/role/state-file.ts';
import type { Content } from './watched.ts';
import type { State, Wrapper } from './wrapper.ts';

/** Called before each write of the state. What differs is looked for once for each new content. */
export function createDrift({ state, watched }: Wrapper): () => Promise<Drift | null> {
  let drift: Drift | null = null;
  let compared: { from: Content; to: Content; differences: FileDifference[] } | undefined;

  async function compare(from: Content, to: Content): Promise<FileDifference[]> {
    if (compared?.from.key !== from.key || compared.to.key !== to.key) {
      // A package became a plain directory: what differs has no common names.
      const differences = await watched.listDifferences(from, to).catch(() => []);
      compared = { from, to, differences };
    }
    return compared.differences;
  }

  return async () => {
    const { current, look, otherSinceMs } = state;
    const verdict = toVerdict(state);
    const from = current?.content;
    if (verdict === null || look === null || from == null) return null;
    const isChanged = verdict === 'changed' && look.content !== null;
    const differences = isChanged ? await compare(from, look.content as Content) : undefined;
    const nowMs = Date.now();
    const sinceMs = otherSinceMs === null ? nowMs : nowMs - performance.now() + otherSinceMs;
    const reason =
      look.reason ?? (isChanged && current?.sawOther ? 'it was written while the command loaded' : undefined);
    const rule = look.state === 'unreadable' ? 'unreadable' : look.rule;
    const seen = {
      verdict,
      fingerprint: look.content?.trees[0]?.fingerprint ?? null,
      ...(isChanged && { versions: { started: from.version, installed: look.content?.version ?? null } }),
      ...(differences !== undefined && { differences }),
      ...(reason !== undefined && { reason }),
      ...(rule !== undefined && { rule }),
    };
    drift = followDrift(drift, seen, from.trees[0]?.fingerprint ?? from.key, Math.round(sinceMs));
    return drift;
  };
}

/** What a beat of a runner would conclude. Null before the first look. */
export function toVerdict({ look, current }: State): Verdict | null {
  if (look === null) return null;
  if (look.state !== 'settled') return look.state === 'missing' ? 'missing' : 'settling';
  return look.content?.key === current?.content?.key && current?.sawOther === false ? 'current' : 'changed';
}
