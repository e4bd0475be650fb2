import { expect, it } from 'vitest';
import { followDrift } from '../../../src/runner/role/drift.ts';

it('since when something else is installed is told of what runs now, not of what ran before', () => {
  const seen = { verdict: 'changed', fingerprint: 'c' } as const;
  const first = followDrift(null, seen, 'a', 1_000);
  expect(followDrift(first, seen, 'a', 2_000)).toMatchObject({ from: 'a', sinceMs: 1_000 });
  expect(followDrift(first, seen, 'b', 2_000)).toMatchObject({ from: 'b', sinceMs: 2_000 });
});
