/** Other content behind the same stats, on the real file systems where that happens. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { statOrNothing } from '../../src/disk/stat.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { itWithDisk } from '../helpers/small-disk.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { writePackage } from '../helpers/tree.ts';
import { notRacy, settled } from '../helpers/wait.ts';

function mount(place: string, ...args: string[]): string {
  mkdirSync(place, { recursive: true });
  execFileSync('mount', [...args, place]);
  onTestFinished(() => void spawnSync('umount', ['-l', place]));
  return place;
}

const itWithImages = needs('mksquashfs', hasProgram('mksquashfs'));
const itWithMountedImages = itWithDisk === it ? itWithImages : itWithDisk;

itWithMountedImages('an image that is swapped at its mount point is seen, though all stats are the same', async () => {
  const temp = makeTemp();
  const images = ['alpha', 'gamma'].map((content) => {
    const root = writePackage(join(temp, content), { 'dist/a.js': content });
    const image = `${root}.squashfs`;
    const sameTimes = ['-all-time', '1000000', '-mkfs-time', '1000000', '-all-root', '-quiet', '-no-progress'];
    execFileSync('mksquashfs', [root, image, ...sameTimes], { stdio: 'ignore' });
    return image;
  });
  const place = mount(join(temp, 'place'), '-t', 'squashfs', '-o', 'loop', images[0] as string);
  const cacheFile = join(temp, 'cache');
  const detector = createDetector({ path: place, settleMs: 50, cacheFile });
  expect((await settled(detector)).verdict).toBe('current');
  const before = statOrNothing(join(place, 'dist/a.js'));
  execFileSync('umount', [place]);
  mount(place, '-t', 'squashfs', '-o', 'loop', images[1] as string);
  expect(statOrNothing(join(place, 'dist/a.js'))).toEqual(before);

  expect(await settled(detector)).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
  const fresh = createDetector({ path: place, settleMs: 50, cacheFile });
  expect(fresh.baseline.fingerprint).not.toBe(detector.baseline.fingerprint);
});

itWithDisk('two files whose 64-bit inodes are the same number as doubles are told apart', async () => {
  const temp = makeTemp();
  const disks = ['lower', 'upper'].map((name) => mount(join(temp, name), '-t', 'tmpfs', 'tmpfs'));
  // The layer stands in the top bits of an inode, the file in the low ones: 2^62 + n, which a double rounds.
  const [lower, upper] = disks as [string, string];
  mkdirSync(join(upper, 'files'));
  mkdirSync(join(upper, 'work'));
  writePackage(lower, { 'dist/none.js': '' });
  writeTree(lower, { one: 'alpha', two: 'gamma' });
  symlinkSync('../one', join(lower, 'dist/a.js'));
  const layers = `lowerdir=${lower},upperdir=${upper}/files,workdir=${upper}/work,xino=on`;
  const root = mount(join(temp, 'root'), '-t', 'overlay', 'overlay', '-o', layers);
  const rawInodes = execFileSync('stat', ['-c', '%i', join(root, 'one'), join(root, 'two')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(new Set(rawInodes).size).toBe(2);
  expect(new Set(rawInodes.map(Number)).size).toBe(1);
  const inodes = ['one', 'two'].map((name) => statOrNothing(join(root, name))?.ino as number);
  expect(inodes.every(Number.isSafeInteger)).toBe(true);
  expect(new Set(inodes).size).toBe(2);

  await notRacy();
  const detector = createDetector({ path: root, settleMs: 50 });
  expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead: 0 });
  unlinkSync(join(root, 'dist/a.js'));
  symlinkSync('../two', join(root, 'dist/a.js'));
  expect(await settled(detector)).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
});
