import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LIMITS,
  EMPTY_HISTORY,
  type History,
  judgeHandoff,
  type Limits,
  recordFailure,
  recordHandOff,
  weighHandoff,
  withoutFuture,
} from '../../../src/runner/handoff/gate.ts';

const NOW = Date.UTC(2026, 10, 22);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NEW = { fingerprint: 'new', version: '2.0.0' };
const LIMITS = DEFAULT_LIMITS;

const judge = (history: History, nowMs: number, { target = 'new', idle = true, limits = LIMITS } = {}) =>
  judgeHandoff(target, history, limits, nowMs, idle);
const gateOf = (history: History, nowMs: number, options = {}) => {
  const judged = judge(history, nowMs, options);
  return judged.go ? 'open' : judged.gate;
};
/** What is on disk between two processes. */
const persisted = (history: History) => JSON.parse(JSON.stringify(history)) as History;

const failTimes = (count: number, { random = 1, nowMs = NOW, limits = LIMITS } = {}) => {
  let history = EMPTY_HISTORY;
  for (let i = 0; i < count; i++) history = recordFailure(history, NEW, 'it broke', limits, nowMs, random);
  return history;
};
const handOffAt = (...times: number[]) =>
  times.reduce((history, atMs) => recordHandOff(history, LIMITS, atMs), EMPTY_HISTORY);

describe('back-off: a target that failed', () => {
  const waitAfter = (failures: number, random: number) =>
    (failTimes(failures, { random }).tried?.retryAtMs as number) - NOW;

  it('waits twice as long after each failure in a row, and never longer than the cap', () => {
    const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((failures) => waitAfter(failures, 1) / 1000);
    expect(seconds).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
    expect(waitAfter(5_000, 1)).toBe(HOUR); // where 2 to that power is no finite number any more
  });

  it('has a random half taken off, so that many machines do not try at once', () => {
    expect([waitAfter(1, 0), waitAfter(1, 0.5), waitAfter(1, 1)]).toEqual([5_000, 7_500, 10_000]);
    expect([waitAfter(50, 0), waitAfter(50, 1)]).toEqual([HOUR / 2, HOUR]);
  });

  it('is not tried before, and is tried then', () => {
    const history = failTimes(1);
    expect(judge(history, NOW + 9_999)).toEqual({
      go: false,
      gate: 'back-off',
      reason: 'it failed (it broke) and is not tried again until 2026-11-22T00:00:10.000Z',
      untilMs: NOW + 10_000,
    });
    expect(judge(history, NOW + 10_000)).toEqual({ go: true });
  });

  it('holds back no other content, and after another has failed its own count starts anew', () => {
    const history = failTimes(6);
    expect(gateOf(history, NOW, { target: 'newer' })).toBe('open');
    const newer = { fingerprint: 'newer', version: '2.0.0' };
    const { tried } = recordFailure(history, newer, 'it broke too', LIMITS, NOW, 1);
    expect(tried).toEqual({ ...newer, reason: 'it broke too', failures: 1, atMs: NOW, retryAtMs: NOW + 10_000 });
  });

  it('is held back by the process after this one too, as the history is kept', () => {
    const history = failTimes(3);
    expect(persisted(history)).toEqual(history);
    expect(gateOf(persisted(history), NOW + 39_999)).toBe('back-off');
  });

  it('is no hand-off: the breaker does not count it', () => {
    expect(failTimes(10).handOffs).toEqual([]);
  });
});

describe('circuit breaker', () => {
  it('opens for the fourth hand-off in 15 minutes, says until when, and closes again by itself', () => {
    const history = handOffAt(NOW, NOW + MINUTE, NOW + 2 * MINUTE);
    expect(gateOf(handOffAt(NOW, NOW + MINUTE), NOW + 2 * MINUTE)).toBe('open');
    expect(judge(history, NOW + 3 * MINUTE)).toEqual({
      go: false,
      gate: 'breaker',
      reason: '3 hand-offs in 15 min; no other until 2026-11-22T00:15:00.000Z',
      untilMs: NOW + 15 * MINUTE,
    });
    expect(gateOf(history, NOW + 15 * MINUTE - 1)).toBe('breaker');
    expect(gateOf(history, NOW + 15 * MINUTE)).toBe('open');
  });

  it('says the same, word for word, for as long as it is open, so that it is said once', () => {
    const history = handOffAt(NOW, NOW, NOW);
    const said = [1, 5, 14].map((minutes) => judge(history, NOW + minutes * MINUTE));
    expect(new Set(said.map((judged) => JSON.stringify(judged))).size).toBe(1);
  });

  it('holds for whatever content is next, and across processes', () => {
    const history = persisted(handOffAt(NOW, NOW, NOW));
    for (const target of ['new', 'newer', 'newest']) expect(gateOf(history, NOW + 1, { target })).toBe('breaker');
  });

  it('remembers no more than it needs', () => {
    const times = Array.from({ length: 1000 }, (_, i) => NOW + i * MINUTE);
    expect(handOffAt(...times).handOffs).toEqual(times.slice(-15));
  });

  it('never lets more through than it may, whatever the times, and always opens again', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 10 * MINUTE }), { minLength: 1, maxLength: 60 });
    const limit = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(steps, limit, (waits, max) => {
        const limits: Limits = { ...LIMITS, breaker: { max, windowMs: 15 * MINUTE } };
        const passed: number[] = [];
        let history = EMPTY_HISTORY;
        let nowMs = NOW;
        for (const waitMs of waits) {
          nowMs += waitMs;
          const judged = judge(history, nowMs, { limits });
          if (judged.go) {
            history = persisted(recordHandOff(history, limits, nowMs));
            passed.push(nowMs);
          } else {
            expect(judged.untilMs).toBeGreaterThan(nowMs);
            expect(judge(history, judged.untilMs, { limits })).toEqual({ go: true });
          }
        }
        for (const atMs of passed) {
          const inWindow = passed.filter((other) => other <= atMs && other > atMs - 15 * MINUTE);
          expect(inWindow.length).toBeLessThanOrEqual(max);
        }
      }),
    );
  });

  it('that allows none at all stays open, and says so', () => {
    const limits: Limits = { ...LIMITS, breaker: { max: 0, windowMs: 15 * MINUTE } };
    const reason = (history: History) => {
      const judged = judge(history, NOW, { limits });
      return judged.go ? 'open' : judged.reason;
    };
    expect(reason(EMPTY_HISTORY)).toBe('0 hand-offs in 15 min; no other until further notice');
    expect(reason(handOffAt(NOW))).toBe('1 hand-offs in 15 min; no other until further notice');
  });
});

describe('idle gate', () => {
  const postponed: History = { ...EMPTY_HISTORY, postponedSinceMs: NOW };

  it('is closed while the host is busy, and open once it is not', () => {
    expect(judge(EMPTY_HISTORY, NOW, { idle: false })).toEqual({
      go: false,
      gate: 'idle',
      reason: 'the host is busy; postponed at most until 2026-11-22T01:00:00.000Z',
      untilMs: NOW + HOUR,
    });
    expect(gateOf(postponed, NOW + MINUTE, { idle: true })).toBe('open');
  });

  it('is bounded: an hour after the first time, a busy host is not asked any more', () => {
    expect(gateOf(persisted(postponed), NOW + HOUR - 1, { idle: false })).toBe('idle');
    expect(gateOf(persisted(postponed), NOW + HOUR, { idle: false })).toBe('open');
  });

  it('can be left unbounded by the host', () => {
    const limits = { ...LIMITS, maxPostponeMs: Infinity };
    const judged = judge(postponed, NOW + 100 * HOUR, { idle: false, limits });
    expect(judged).toMatchObject({ gate: 'idle', reason: expect.stringContaining('until further notice') });
  });

  it('postpones anew after a hand-off, or one that failed', () => {
    expect(recordHandOff(postponed, LIMITS, NOW).postponedSinceMs).toBeNull();
    expect(recordFailure(postponed, NEW, 'it broke', LIMITS, NOW, 0).postponedSinceMs).toBeNull();
  });
});

describe('turn', () => {
  const spread = (who: string, spreadMs = HOUR) => ({ who, spreadMs });
  const weigh = (history: History, nowMs: number, { target = 'new', who = 'a', spreadMs = HOUR, idle = true } = {}) =>
    weighHandoff(target, history, LIMITS, spread(who, spreadMs), nowMs, idle);
  /** In milliseconds from when it is first due. */
  const waitOf = (who: string, target = 'new', spreadMs = HOUR) =>
    weigh(EMPTY_HISTORY, NOW, { who, target, spreadMs }).history.turn?.waitMs ?? 0;

  it('is waited for, says until when, and then it goes', () => {
    const { judged, history } = weigh(EMPTY_HISTORY, NOW);
    const untilMs = NOW + waitOf('a');
    const until = new Date(untilMs).toISOString();
    expect(judged).toEqual({ go: false, gate: 'turn', reason: `it waits its turn until ${until}`, untilMs });
    expect(weigh(persisted(history), untilMs - 1)).toEqual({ judged, history });
    expect(weigh(persisted(history), untilMs).judged).toEqual({ go: true });
  });

  it('is the same for the same machine and target, and another for others', () => {
    expect(waitOf('a')).toBe(waitOf('a'));
    expect(waitOf('a')).not.toBe(waitOf('b'));
    expect(waitOf('a')).not.toBe(waitOf('a', 'newer'));
  });

  it('is spread evenly, and never longer than spreadMs', () => {
    const waits = Array.from({ length: 10_000 }, (_, i) => waitOf(`machine ${i}`));
    expect(Math.max(...waits)).toBeLessThan(HOUR);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const waitMs of waits)
      tenths[Math.floor((10 * waitMs) / HOUR)] = (tenths[Math.floor((10 * waitMs) / HOUR)] ?? 0) + 1;
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150); // five standard deviations
  });

  it('is none without spreadMs', () => {
    expect(weigh(EMPTY_HISTORY, NOW, { spreadMs: 0 })).toEqual({ judged: { go: true }, history: EMPTY_HISTORY });
  });

  it('begins anew with another target, and not after a failure of the same', () => {
    const { history } = weigh(EMPTY_HISTORY, NOW);
    const laterMs = NOW + 2 * HOUR;
    expect(weigh(history, laterMs, { target: 'newer' }).judged).toMatchObject({ gate: 'turn' });
    const failed = recordFailure(history, NEW, 'it broke', LIMITS, laterMs, 1);
    expect(weigh(failed, laterMs + 10_000).judged).toEqual({ go: true });
  });

  it('comes before the idle gate, whose hour begins after it', () => {
    const waiting = weigh(EMPTY_HISTORY, NOW, { idle: false });
    expect(waiting.judged).toMatchObject({ gate: 'turn' });
    expect(waiting.history.postponedSinceMs).toBeNull();
    const turnMs = NOW + waitOf('a');
    const busy = weigh(waiting.history, turnMs, { idle: false });
    expect(busy.judged).toMatchObject({ gate: 'idle', untilMs: turnMs + HOUR });
    expect(weigh(busy.history, turnMs + MINUTE, { idle: false })).toEqual(busy);
  });

  it('is no time in which the host postpones, where it is idle: once busy again, it is asked for a whole hour', () => {
    const busy = { ...EMPTY_HISTORY, postponedSinceMs: NOW - 59 * MINUTE }; // with the release before
    const waiting = weigh(busy, NOW);
    expect(waiting.judged).toMatchObject({ gate: 'turn' });
    const turnMs = NOW + waitOf('a');
    const again = weigh(waiting.history, turnMs, { idle: false });
    expect(again.judged).toMatchObject({ gate: 'idle', untilMs: turnMs + HOUR });
  });

  it('leaves a host that was busy all the time no more than its hour', () => {
    const busy = { ...EMPTY_HISTORY, postponedSinceMs: NOW - 59 * MINUTE };
    const waiting = weigh(busy, NOW, { idle: false });
    expect(weigh(waiting.history, NOW + HOUR, { idle: false }).judged).toEqual({ go: true });
  });

  it('comes in its time where the clock was set back by a year', () => {
    const { history } = weigh(EMPTY_HISTORY, NOW);
    const nowMs = NOW - 365 * 24 * HOUR;
    expect(weigh(history, nowMs).judged).toMatchObject({ gate: 'turn', untilMs: nowMs + waitOf('a') });
  });
});

describe('a clock that was set', () => {
  const full: History = {
    ...recordFailure(handOffAt(NOW, NOW, NOW), NEW, 'it broke', LIMITS, NOW, 1),
    postponedSinceMs: NOW,
  };
  const YEAR = 365 * 24 * HOUR;

  it('back by a year leaves no gate closed for longer than it would have been just now', () => {
    const nowMs = NOW - YEAR;
    const seen = withoutFuture(full, LIMITS, nowMs);
    expect(gateOf(seen, nowMs)).toBe('back-off');
    expect(gateOf(seen, nowMs + HOUR)).toBe('open');
    expect(gateOf(seen, nowMs, { target: 'newer' })).toBe('breaker');
    expect(gateOf(seen, nowMs + 15 * MINUTE, { target: 'newer' })).toBe('open');
    const idle = { ...seen, handOffs: [] };
    expect(gateOf(idle, nowMs, { target: 'newer', idle: false })).toBe('idle');
    expect(gateOf(idle, nowMs + HOUR, { target: 'newer', idle: false })).toBe('open');
  });

  it('back, and looked at beat by beat, does not move the end of what is closed', () => {
    const nowMs = NOW - YEAR;
    let history = withoutFuture(full, LIMITS, nowMs);
    const ends = judge(history, nowMs, { target: 'newer' });
    for (let beat = 1; beat <= 60; beat++) history = withoutFuture(history, LIMITS, nowMs + beat * 10_000);
    expect(judge(history, nowMs + 10 * MINUTE, { target: 'newer' })).toEqual(ends);
  });

  it('forward opens every gate', () => {
    const seen = withoutFuture(full, LIMITS, NOW + YEAR);
    expect(gateOf(seen, NOW + YEAR, { idle: false })).toBe('open');
  });

  it('not at all changes nothing', () => {
    expect(withoutFuture(full, LIMITS, NOW)).toEqual(full);
    expect(withoutFuture(EMPTY_HISTORY, LIMITS, NOW)).toEqual(EMPTY_HISTORY);
  });
});
