/** A disk that keeps times of whole seconds, as HFS+ and ext3 do: ext4 with the inodes of ext3. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { isRacy, latestOf } from '../../src/disk/stat.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { itWithDisk } from '../helpers/small-disk.ts';
import { talk, writeProgram } from '../helpers/talk.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { settled, sleep, until } from '../helpers/wait.ts';

describe('a time of whole seconds', () => {
  // As HFS+ shows them of two writes, 0.9 s apart, within one second.
  const first = { dev: 16_777_220, ino: 8_212, size: 5, mtimeMs: 1_764_335_278_000, ctimeMs: 1_764_335_278_000 };
  it('stands for any moment of it, and of the next, which FAT leaves out; no other does', () => {
    expect(latestOf(first.ctimeMs)).toBe(1_764_335_280_000);
    expect(latestOf(1_764_335_278_000.5)).toBe(1_764_335_278_000.5);
  });

  it.each([0, 900, 1_000, 1_999, 2_000])('is not trusted by a read that began %i ms after it', (afterMs) => {
    expect(isRacy(first, first.ctimeMs + afterMs, '/')).toBe(true);
  });

  it('is trusted by one that began later', () => {
    expect(isRacy(first, first.ctimeMs + 2_001, '/')).toBe(false);
  });
});

const itWithExt = needs('mkfs.ext4', hasProgram('mkfs.ext4'));
const itWithSeconds = itWithDisk === it ? itWithExt : itWithDisk;

/** The path of a directory on it, until the test is over. */
function makeCoarseDisk(): string {
  const folder = makeTemp();
  const [image, place] = [join(folder, 'image'), join(folder, 'place')];
  mkdirSync(place);
  writeFileSync(image, '');
  truncateSync(image, 2 * 1024 * 1024);
  execFileSync('mkfs.ext4', ['-q', '-I', '128', image], { stdio: ['ignore', 'ignore', 'ignore'] });
  execFileSync('mount', ['-o', 'loop', image, place]);
  onTestFinished(() => void spawnSync('umount', ['-l', place]));
  return join(place, 'package');
}

const FIELDS = { 'package.json': { name: 'example', version: '1.2.3' } };

describe('on a disk of such times', () => {
  itWithSeconds(
    'a file that was stamped before the start, and may have been replaced after it, is doubted',
    async () => {
      const root = makeCoarseDisk();
      writeTree(root, { ...FIELDS, 'dist/a.js': 'alpha' });
      writeProgram(join(root, 'dist/cli.mjs'));
      const { ctimeMs } = statSync(join(root, 'dist/a.js'));
      expect(ctimeMs % 1_000).toBe(0);
      const ask = async (startedMs: number) => {
        const clock = `Object.defineProperty(performance, 'timeOrigin', { value: ${startedMs} })`;
        const preload = ['--import', `data:text/javascript,${encodeURIComponent(clock)}`];
        const program = await talk([process.execPath, ...preload, join(root, 'dist/cli.mjs')]);
        await program.ask({ do: 'create', options: { path: root, settleMs: 1 } });
        return until('a settled verdict', async () => {
          const answer = await program.ask({ do: 'check' });
          return answer.verdict === 'settling' ? undefined : answer;
        });
      };
      const soon = await ask(ctimeMs + 400);
      expect(soon).toMatchObject({ verdict: 'changed', reason: expect.stringContaining('changed after this process') });
      expect(await ask(ctimeMs + 4_000)).toMatchObject({ verdict: 'current' });
    },
  );

  itWithSeconds('quiet is counted from the last moment that a time may stand for', async () => {
    const root = makeCoarseDisk();
    writeTree(root, { ...FIELDS, 'dist/a.js': 'alpha' });
    const settleMs = 1_500;
    const detector = createDetector({ path: root, settleMs });
    expect((await settled(detector)).verdict).toBe('current');
    await sleep(1_000 - (Date.now() % 1_000) + 900); // late in a second
    const writtenMs = performance.now();
    writeFileSync(join(root, 'dist/a.js'), 'gamma');
    expect(await settled(detector)).toMatchObject({ verdict: 'changed' });
    expect(performance.now() - writtenMs).toBeGreaterThanOrEqual(settleMs);
  });
});
