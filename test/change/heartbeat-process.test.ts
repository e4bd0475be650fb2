import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/change/detector.ts';
import { startHeartbeat } from '../../src/change/heartbeat.ts';
import { built } from '../helpers/built.ts';
import { type Ran, run } from '../helpers/run.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';

/** Runs a program of its own that has a detector on a package and whatever `body` does with it. */
function runProgram(body: string): Promise<Ran> {
  const program = join(makeTemp(), 'program.mjs');
  const head = `import { createDetector, startHeartbeat } from ${JSON.stringify(built('index.js'))};`;
  writeTree(join(program, '..'), { 'program.mjs': `${head}\nconst path = process.argv[2];\n${body}` });
  return run([process.execPath, program, makePackage({ 'dist/a.js': 'alpha' })]);
}

describe('a process', () => {
  it('that has nothing but a heartbeat ends at once, without a beat', async () => {
    const ran = await runProgram(`
      startHeartbeat({ detector: createDetector({ path }), intervalMs: 60_000, onBeat: () => console.log('beat') });
      console.log(process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length);`);
    expect(ran).toEqual({ code: 0, stdout: '0\n', stderr: '' });
  });

  it('that has nothing but a heartbeat that listens ends too, at once or when it has listened', async () => {
    for (const waitMs of [0, 300]) {
      const ran = await runProgram(`
        startHeartbeat({ detector: createDetector({ path }), wake: true });
        setTimeout(() => {}, ${waitMs});`);
      expect(ran).toEqual({ code: 0, stdout: '', stderr: '' });
    }
  });

  it('that was kept alive by something else ends when that does, in the midst of the beats', async () => {
    const { code, stdout } = await runProgram(`
      let beats = 0;
      startHeartbeat({ detector: createDetector({ path }), intervalMs: 10, onBeat: () => { if (++beats === 3) clearInterval(alive); } });
      const alive = setInterval(() => {}, 1_000);
      process.on('exit', () => console.log(beats));`);
    expect(code).toBe(0);
    expect(Number(stdout)).toBeGreaterThanOrEqual(3);
  });

  it('has one timer more at most, whatever the beats come to', async () => {
    const { code, stdout } = await runProgram(`
      const { createHook } = await import('node:async_hooks');
      const detector = createDetector({ path, settleMs: 60_000 });
      const { writeFileSync } = await import('node:fs');
      const timers = new Set();
      let most = 0;
      const alive = setInterval(() => {}, 1_000);
      createHook({
        init(id, type, trigger, timer) {
          if (type !== 'Timeout') return;
          for (const other of timers) if (other._destroyed) timers.delete(other); // the hook for that comes late
          most = Math.max(most, timers.add(timer).size);
        },
      }).enable();
      let beats = 0;
      startHeartbeat({ detector, intervalMs: 10, onBeat() {
        if (++beats === 5) writeFileSync(path + '/dist/a.js', 'ALPHA');
        if (beats < 15) return;
        console.log(most);
        clearInterval(alive);
      } });`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' });
  });
});

describe('the signal', () => {
  const CURRENT: Check = { verdict: 'current', fingerprint: null, filesRead: 0, directoriesRead: 0 };

  it('aborted before the start means no beat at all', async () => {
    let checks = 0;
    const check = async () => {
      checks++;
      return CURRENT;
    };
    startHeartbeat({ detector: { check }, intervalMs: 5, signal: AbortSignal.abort() });
    await sleep(60);
    expect(checks).toBe(0);
  });

  it('aborted between two beats ends them', async () => {
    const stop = new AbortController();
    let beats = 0;
    const onBeat = () => beats++;
    startHeartbeat({ detector: { check: async () => CURRENT }, intervalMs: 10, onBeat, signal: stop.signal });
    await until('2 beats', () => (beats >= 2 ? true : undefined));
    stop.abort();
    const last = beats;
    await sleep(100);
    expect(beats).toBe(last);
  });

  it('aborted during a beat means that nothing is called for it, and none follows', async () => {
    const stop = new AbortController();
    const called: string[] = [];
    let checks = 0;
    let finish = (): void => {};
    const check = () => {
      checks++;
      return new Promise<Check>((resolve) => {
        finish = () => resolve({ ...CURRENT, verdict: 'changed' });
      });
    };
    const onBeat = () => called.push('onBeat');
    const onChanged = () => called.push('onChanged');
    startHeartbeat({ detector: { check }, intervalMs: 10, onBeat, onChanged, signal: stop.signal });
    await until('a check', () => (checks === 1 ? true : undefined));
    stop.abort();
    finish();
    await sleep(100);
    expect({ checks, called }).toEqual({ checks: 1, called: [] });
  });

  it('aborted by onBeat itself ends them', async () => {
    const stop = new AbortController();
    let beats = 0;
    const onBeat = () => {
      beats++;
      stop.abort();
    };
    startHeartbeat({ detector: { check: async () => CURRENT }, intervalMs: 10, onBeat, signal: stop.signal });
    await until('a beat', () => (beats > 0 ? true : undefined));
    await sleep(100);
    expect(beats).toBe(1);
  });
});
