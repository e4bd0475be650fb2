import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  findInPs,
  hasChildren,
  listChildrenIn,
  lives,
  parseStarted,
  readFacts,
  readStarted,
} from '../../src/platform/ps.ts';
import { hasProgram, onlyWith } from '../helpers/needs.ts';

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
});
