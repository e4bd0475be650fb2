import { expect, it } from 'vitest';
import { createPace } from '../../src/change/pace.ts';

it('an event waits no longer than 2 s for its look, however many looks were in vain before it', () => {
  const pace = createPace();
  const waits: number[] = [];
  for (let look = 0; look < 60; look++) {
    pace.hear();
    pace.begin(true);
    pace.end({ fingerprint: 'the same' });
    waits.push(pace.soonestMs() - performance.now());
  }
  expect(waits[20]).toBeGreaterThan(1_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
});
