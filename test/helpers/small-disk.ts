import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { isRoot, onlyWith, succeeds } from './needs.ts';
import { makeTemp, makeTempToRemove, removeTree } from './temp.ts';
import { until } from './wait.ts';

const mayMount = (() => {
  if (!isRoot || process.platform !== 'linux') return false;
  const place = makeTempToRemove();
  const did = succeeds('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place);
  if (did) succeeds('umount', place);
  removeTree(place);
  return did;
})();
export const itWithDisk = onlyWith('root, who may mount a disk', mayMount);

/** A disk of 128 KiB, until the test is over. */
export function makeSmallDisk(): string {
  const place = makeTemp();
  mountSmallDisk(place);
  onTestFinished(() => unmount(place));
  return place;
}

export const mountSmallDisk = (place: string): void =>
  void execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k,mode=700', 'tmpfs', place]);
export const unmount = (place: string): void => void execFileSync('umount', ['-l', place]);

/** The kernel refuses while a file is open for writing. */
export const remount = (place: string, how: 'ro' | 'rw') =>
  until(`${place} to be ${how}`, () => succeeds('mount', '-o', `remount,${how}`, place) || undefined);
