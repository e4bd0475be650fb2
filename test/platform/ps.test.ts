import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  findInPs,
  hasChildren,
  listChildrenIn,
  lives,
  parseStarted,
  readFacts,
  readStarted,
  saysForeground,
} from '../../src/platform/ps.ts';
import { hasProgram, onlyWith } from '../helpers/needs.ts';
import { makeTemp } from '../helpers/temp.ts';

const itWithPs = onlyWith('ps', hasProgram('ps'));

describe('what ps says', () => {
  // As macOS and FreeBSD print `state=,lstart=` in English, and a day of one digit.
  it.each([
    ['Ss   Sat Nov 28 13:01:18 2026    \n', 'Sat Nov 28 13:01:18 2026'],
    ['S+    Sun Nov  1 09:00:00 2026\n', 'Sun Nov 1 09:00:00 2026'],
    ['Z    Sat Nov 28 13:01:18 2026\n', undefined],
    ['', undefined],
  ])('of a start: %j', (text, started) => {
    expect(parseStarted(text)).toBe(started);
  });

  it('of a tree: by the mark, by descent from it, and by descent from our own child', () => {
    const ours = process.pid;
    // PID, parent, state, and the command with its environment, as macOS prints them with -E.
    const text = [
      '    1     0 Ss   /sbin/launchd',
      ` 5000 ${ours} S    node main.js PATH=/bin`,
      ' 5001  5000 S    sleep 9 PATH=/bin',
      ' 5002     1 S    node orphan.js PATH=/bin MARK_1=1',
      ' 5003  5002 Z    <defunct>',
      ' 5004     1 S    node other.js PATH=/bin MARK_2=1',
      ` 5005 ${ours} S    ps -E MARK_3=1`,
      '',
    ].join('\n');
    expect(findInPs(text, 5000, 'MARK_1=')).toEqual([5000, 5001, 5002]);
    expect(findInPs(text, 5002, 'MARK_9=')).toEqual([]); // no child of ours
  });

  it('of children: those of one parent that live', () => {
    const text = '    1     0 Ss\n   20     1 S\n   21    20 R+\n   22    20 Z\n  210    20 S\n';
    expect(listChildrenIn(text, 20)).toEqual([21, 210]);
  });

  it.each([
    ['S+\n', true],
    ['Ss+  \n', true],
    ['S\n', false],
    ['TN\n', false],
    ['', true],
  ])('of the foreground of a terminal: %j', (state, isThere) => {
    expect(saysForeground(state)).toBe(isThere);
  });

  itWithPs('of our children, but ps', async () => {
    expect(hasChildren()).toBe(false);
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(hasChildren()).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(hasChildren()).toBe(false);
  });

  itWithPs('of this process', () => {
    expect(readStarted(process.pid)).toMatch(/^\w{3} \w{3} \d+ \d\d:\d\d:\d\d \d{4}$/);
    const facts = readFacts(process.pid);
    expect(facts?.words).toContain('node');
    expect(facts?.command).not.toBe('');
    expect(readFacts(2 ** 22 + 1)).toBeUndefined(); // no PID is so high
  });

  itWithPs('of life: while it lives, and not a moment longer once it was waited for', async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const pid = child.pid as number;
    const started = readStarted(pid) as string;
    expect(lives(pid, started)).toBe(true);
    expect(lives(pid, 'Sat Nov 28 13:01:18 1999')).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(lives(pid, started)).toBe(false);
  });

  itWithPs('of life is asked once a second, however often who waits looks', () => {
    const folder = makeTemp();
    const [log, path] = [join(folder, 'log'), process.env.PATH];
    writeFileSync(log, '');
    writeFileSync(join(folder, 'ps'), `#!/bin/sh\necho >> '${log}'\nPATH='${path}' exec ps "$@"\n`);
    chmodSync(join(folder, 'ps'), 0o755);
    process.env.PATH = `${folder}${delimiter}${path}`;
    onTestFinished(() => {
      process.env.PATH = path;
    });
    const started = readStarted(process.ppid) as string;
    const beganMs = performance.now();
    for (let looks = 0; looks < 1_000; looks++) expect(lives(process.ppid, started)).toBe(true);
    const seconds = Math.ceil((performance.now() - beganMs) / 1_000);
    const asked = readFileSync(log, 'utf8').length;
    expect(asked).toBeGreaterThanOrEqual(2); // for its start, and at the first look
    expect(asked).toBeLessThanOrEqual(1 + 1 + seconds);
  });
});
