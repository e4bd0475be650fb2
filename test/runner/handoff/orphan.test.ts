import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { identify, isAlive, type ProcessId } from '../../../src/platform/process-id.ts';
import { type RunnerProgram, startRunner } from '../../helpers/runner.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

const WAITS = 'setInterval(() => {}, 1000); await new Promise(() => {});';
const HANGS = {
  'waits for ever, deaf to SIGTERM': `process.on('SIGTERM', () => {}); ${WAITS}`,
  'blocks its thread': 'for (;;);',
};

/** Installs a release that leaves its PID and that of a child of its own, and then does this. */
function installHanging({ root }: RunnerProgram, code: string): () => ProcessId[] | undefined {
  const trace = join(makeTemp(), 'pids');
  writeFileSync(trace, '');
  writeTree(root, {
    'dist/release.js': `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const child = spawn('sleep', ['60'], { stdio: 'ignore' });
writeFileSync(${JSON.stringify(trace)}, JSON.stringify([process.pid, child.pid]));
${code}
export default '2.0.0';`,
  });
  return () => {
    const text = readFileSync(trace, 'utf8');
    if (text === '') return undefined;
    return (JSON.parse(text) as number[]).map((pid) => identify(pid) as ProcessId);
  };
}

describe.each(Object.entries(HANGS))('a rehearsal that %s', (_, code) => {
  it('ends within 2 s of its parent, killed by SIGKILL, with what it started', async () => {
    const runner = await startRunner({ strategy: 'respawn' });
    const read = installHanging(runner, code);
    const processes = await until('the rehearsal', read);
    onTestFinished(() => {
      for (const each of processes) if (isAlive(each)) process.kill(each.pid, 'SIGKILL');
    });
    expect(processes.map(isAlive)).toEqual([true, true]);
    process.kill(runner.pid, 'SIGKILL');
    await until('its end', () => processes.some(isAlive) === false || undefined, 10, 2_000);
  });
});

describe('a rehearsal that is late', () => {
  it('is ended with what it started, and nothing waits for its end any more', async () => {
    const runner = await startRunner({ strategy: 'respawn', readyTimeoutMs: 2_000 });
    const processes = await until('the rehearsal', installHanging(runner, WAITS));
    await until('the failure', () => runner.state().distprint.tried ?? undefined);
    await until('its end', () => processes.some(isAlive) === false || undefined);
    await until('no child', () => hasChild(runner.pid) === false || undefined);
  });
});

/** One that has ended and that nobody waited for counts. */
const hasChild = (pid: number): boolean =>
  execFileSync('ps', ['-A', '-o', 'ppid='], { encoding: 'utf8' })
    .split('\n')
    .some((line) => Number(line) === pid);
