import { expect, it } from 'vitest';
import { endOfLeaving } from '../../../src/cli/run/ending.ts';
import type { Wrapper } from '../../../src/cli/run/wrapper.ts';

const toldAgo = (ms: number, ownSession = false) => {
  const ended = { code: 4, signal: null, error: null, toldMs: performance.now() - ms };
  return { state: { ended }, how: { ownSession } } as Wrapper;
};
const asAsked = { code: null, signal: 'SIGINT' };

it("a key that is heard of right after the command's end was its cause, and the wrapper ends like it", () => {
  expect(endOfLeaving(toldAgo(100), 'SIGINT')).toMatchObject({ code: 4, signal: null });
  expect(endOfLeaving(toldAgo(2_100), 'SIGINT')).toEqual(asAsked);
});

it('a signal that only the wrapper gets was no cause', () => {
  expect(endOfLeaving(toldAgo(100, true), 'SIGINT')).toEqual(asAsked);
});
