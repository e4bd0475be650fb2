import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { buildManifest } from '../../src/manifest/build.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { settled } from '../helpers/wait.ts';

/** UV_FS_O_EXLOCK: nobody else may open it, as a virus scanner has it. */
const EXCLUSIVELY = 0x1000_0000;

describe('a file that another program holds', () => {
  itOnWindows('for a moment is waited for', async () => {
    const root = makePackage({ 'dist/a.js': 'alpha' });
    const expected = fingerprintOf(root);
    const fd = openSync(join(root, 'dist/a.js'), EXCLUSIVELY);
    setTimeout(() => closeSync(fd), 60);
    expect((await buildManifest(root)).fingerprint).toBe(expected);
  });

  itOnWindows('is settling with a reason, and current again when it is free', async () => {
    const root = makePackage({ 'dist/a.js': 'alpha' });
    const detector = createDetector({ path: root, settleMs: 100 });
    const fd = openSync(join(root, 'dist/a.js'), EXCLUSIVELY);
    try {
      for (const check of [await detector.check(), detector.checkSync()]) {
        expect(check).toMatchObject({ verdict: 'settling', fingerprint: null });
        expect(check.reason).toContain('another program holds it (EBUSY)');
        expect(check.reason).toContain('\\dist\\a.js');
        expect(check.reason).not.toContain('\\\\');
      }
    } finally {
      closeSync(fd);
    }
    expect(await settled(detector)).toMatchObject({ verdict: 'current' });
  });
});

itOnWindows(
  'a file that was deleted while a reader has it open is changed, at the latest when that is done',
  async () => {
    const root = makePackage({ 'dist/a.js': 'alpha', 'dist/b.js': 'beta' });
    const detector = createDetector({ path: root, settleMs: 100 });
    const fd = openSync(join(root, 'dist/a.js'), 'r');
    try {
      unlinkSync(join(root, 'dist/a.js'));
      // Windows 10 takes the name away at once; before, and where the disk can't, it stays and opens for nobody (EPERM).
      const { verdict } = await detector.check();
      expect(['settling', 'changed']).toContain(verdict);
    } finally {
      closeSync(fd);
    }
    expect(await settled(detector)).toMatchObject({ verdict: 'changed', changes: { removed: ['dist/a.js'] } });
  },
);

itOnWindows('a rename that changes the case of a name alone is a change', async () => {
  const root = makePackage({ 'dist/a.js': 'alpha', 'dist/b.js': 'beta' });
  const detector = createDetector({ path: root, settleMs: 100 });
  renameSync(join(root, 'dist/a.js'), join(root, 'dist/A.js'));
  expect(await settled(detector)).toMatchObject({
    verdict: 'changed',
    changes: { added: ['dist/A.js'], removed: ['dist/a.js'], changed: [] },
  });
});

itOnWindows('an executable that runs is renamed aside, and another takes its place: changed', async () => {
  const folder = makeTemp();
  const path = join(folder, 'app.exe');
  copyFileSync(process.execPath, path);
  const child = spawn(path, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  const detector = createDetector({ path, settleMs: 100 });
  expect(() => writeFileSync(path, 'new')).toThrow(); // Windows lets nobody write to it
  renameSync(path, `${path}.old`);
  expect(await detector.check()).toMatchObject({ verdict: 'missing' });
  writeFileSync(path, 'new');
  expect(await settled(detector)).toMatchObject({ verdict: 'changed', fingerprint: fingerprintOf(path) });
});
