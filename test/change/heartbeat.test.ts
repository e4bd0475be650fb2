import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Check, createDetector } from '../../src/change/detector.ts';
import { type HeartbeatOptions, startHeartbeat } from '../../src/change/heartbeat.ts';
import { makePackage, writeTree } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };
const CURRENT: Check = { verdict: 'current', fingerprint: 'xxh64-0000000000000000', filesRead: 0, directoriesRead: 0 };

/** A heartbeat that ends with the test. */
function start(options: HeartbeatOptions): AbortController {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  startHeartbeat({ signal: stop.signal, ...options });
  return stop;
}

/** What a heartbeat on a real package says, and what it calls changed. */
function listen(detector: HeartbeatOptions['detector']) {
  const beats: string[] = [];
  const changed: (string | null)[] = [];
  const stop = start({
    detector,
    intervalMs: 20,
    onBeat: ({ verdict }) => beats.push(verdict),
    onChanged: ({ fingerprint }) => changed.push(fingerprint),
  });
  const moreBeats = (count: number) => {
    const end = beats.length + count;
    return until(`${count} more beats`, () => (beats.length >= end ? true : undefined));
  };
  const lastIs = (verdict: string) => until(verdict, () => (beats.at(-1) === verdict ? true : undefined));
  return { beats, changed, stop, moreBeats, lastIs };
}

describe('beats', () => {
  it('never overlap, however slow a check is', async () => {
    let underWay = 0;
    let most = 0;
    let done = 0;
    const check = async () => {
      most = Math.max(most, ++underWay);
      await sleep(40);
      underWay--;
      done++;
      return CURRENT;
    };
    start({ detector: { check }, intervalMs: 5 });
    await until('5 beats', () => (done >= 5 ? true : undefined));
    expect(most).toBe(1);
  });

  it('never come in a burst after the process stood still', async () => {
    const intervalMs = 50;
    const atMs: number[] = [];
    start({ detector: { check: async () => CURRENT }, intervalMs, onBeat: () => atMs.push(performance.now()) });
    await until('2 beats', () => (atMs.length >= 2 ? true : undefined));
    const before = atMs.length;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10 * intervalMs);
    await until('5 beats more', () => (atMs.length >= before + 5 ? true : undefined));
    for (let i = 1; i < atMs.length; i++) {
      expect((atMs[i] as number) - (atMs[i - 1] as number)).toBeGreaterThan(intervalMs - 5);
    }
  });

  it('come sooner than the interval where a tree is settling, and not where it is not', async () => {
    const intervalMs = 600;
    const settling: Check = { ...CURRENT, verdict: 'settling', retryInMs: 20 };
    const answers = [settling, settling, CURRENT, CURRENT];
    const order: string[] = [];
    const onBeat = ({ verdict }: Check) => {
      order.push(verdict);
      if (verdict === 'settling') setTimeout(() => order.push('interval'), intervalMs);
    };
    start({ detector: { check: async () => answers.shift() ?? CURRENT }, intervalMs, onBeat });
    await until('4 beats', () => (answers.length === 0 ? true : undefined));
    expect(order.slice(0, 5)).toEqual(['settling', 'settling', 'current', 'interval', 'interval']);
  });

  it('come no later than the interval, and no sooner than it, where a retry is asked for beyond it', async () => {
    const intervalMs = 50;
    const far: Check = { ...CURRENT, verdict: 'settling', retryInMs: 1_000_000 };
    const atMs: number[] = [];
    start({ detector: { check: async () => far }, intervalMs, onBeat: () => atMs.push(performance.now()) });
    await until('5 beats', () => (atMs.length >= 5 ? true : undefined)); // not after 1,000 s
    for (let i = 1; i < atMs.length; i++)
      expect((atMs[i] as number) - (atMs[i - 1] as number)).toBeGreaterThan(intervalMs - 5);
  });

  it('go on through missing, an unreadable package.json and settling', async () => {
    const root = makePackage(files);
    const { beats, lastIs, changed } = listen(createDetector({ path: root, settleMs: 60_000 }));
    await lastIs('current');
    rmSync(root, { recursive: true });
    await lastIs('missing');
    writeTree(root, { 'package.json': '{', ...files });
    await lastIs('settling');
    rmSync(root, { recursive: true });
    await lastIs('missing');
    writeTree(root, { 'package.json': { version: '1.2.3' }, ...files });
    await lastIs('current');
    expect(new Set(beats)).toEqual(new Set(['current', 'missing', 'settling']));
    expect(changed).toEqual([]);
  });
});

describe('onChanged', () => {
  it('is called once for each new content, and again after going back and forth', async () => {
    const root = makePackage(files);
    const edit = (content: string) => writeFileSync(join(root, 'dist/a.js'), content);
    const { changed, moreBeats, lastIs } = listen(createDetector({ path: root, settleMs: 60 }));
    await moreBeats(3);
    expect(changed).toEqual([]);
    edit('one');
    await lastIs('changed');
    await moreBeats(5);
    expect(changed).toHaveLength(1);
    edit('alpha');
    await lastIs('current');
    edit('one');
    await lastIs('changed');
    await moreBeats(3);
    expect(changed).toEqual([changed[0], changed[0]]);
    edit('two!');
    await until('a third call', () => (changed.length === 3 ? true : undefined));
    await moreBeats(3);
    expect(changed).toHaveLength(3);
    expect(changed[2]).not.toBe(changed[0]);
  });

  it('is not called again where the same content was away, touched or unsettled for a while', async () => {
    const root = makePackage(files);
    const { changed, moreBeats, lastIs } = listen(createDetector({ path: root, settleMs: 60 }));
    writeFileSync(join(root, 'dist/a.js'), 'one');
    await lastIs('changed');
    rmSync(join(root, 'package.json'));
    await lastIs('missing');
    writeTree(root, { 'package.json': { version: '1.2.3' } });
    await lastIs('changed');
    writeFileSync(join(root, 'dist/a.js'), 'one');
    await moreBeats(5);
    expect(changed).toHaveLength(1);
  });
});

describe('what goes wrong in a callback', () => {
  it('becomes a process warning, and the beats go on', async () => {
    const warnings: string[] = [];
    const hear = (warning: Error) => void warnings.push(warning.message);
    process.on('warning', hear);
    onTestFinished(() => void process.off('warning', hear));
    let beats = 0;
    const changed: Check = { ...CURRENT, verdict: 'changed' };
    const failing = [
      () => {
        throw new Error('thrown by onBeat');
      },
      () => Promise.reject(new Error('rejected by onBeat')),
      () => {
        throw 'no error at all';
      },
      () => Promise.reject(),
    ];
    start({
      detector: { check: async () => changed },
      intervalMs: 10,
      onBeat: () => failing[beats++]?.(),
      onChanged: () => {
        throw new Error('thrown by onChanged');
      },
    });
    await until('6 beats', () => (beats >= 6 ? true : undefined));
    await until('all warnings', () => (warnings.length >= 5 ? true : undefined));
    for (const what of ['thrown by onBeat', 'rejected by onBeat', 'no error at all', 'thrown by onChanged']) {
      expect(warnings.filter((warning) => warning.includes(what))).toHaveLength(1);
    }
  });

  it('is survived in a check too', async () => {
    let calls = 0;
    let beats = 0;
    const check = async () => {
      if (++calls < 3) throw new Error(`check ${calls} failed`);
      return CURRENT;
    };
    start({ detector: { check }, intervalMs: 10, onBeat: () => beats++ });
    await until('a beat', () => (beats > 0 ? true : undefined));
    expect(calls).toBeGreaterThanOrEqual(3);
  });
});

describe('an interval that no timer can wait', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
    '%d is refused, instead of a storm of beats',
    (intervalMs) => {
      const detector = { check: async () => CURRENT };
      expect(() => start({ detector, intervalMs })).toThrow(expect.objectContaining({ code: 'ERR_DISTPRINT_OPTION' }));
    },
  );
});
