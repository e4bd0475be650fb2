import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { buildManifest } from '../../src/manifest/build.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { isWindows, isWine, onlyWith } from '../helpers/needs.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { settled, until } from '../helpers/wait.ts';

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

itOnWindows('a file that was deleted while a reader has it open is changed when that is done', async () => {
  const root = makePackage({ 'dist/a.js': 'alpha', 'dist/b.js': 'beta' });
  const detector = createDetector({ path: root, settleMs: 100 });
  const fd = openSync(join(root, 'dist/a.js'), 'r');
  try {
    unlinkSync(join(root, 'dist/a.js'));
    // Windows 10 takes the name away at once. Elsewhere it stays, and may open for nobody (EPERM).
    expect((await detector.check()).verdict).not.toBe('missing');
  } finally {
    closeSync(fd);
  }
  const removed = await until('its end', async () => {
    const check = await detector.check();
    return check.verdict === 'changed' ? check : undefined;
  });
  expect(removed).toMatchObject({ changes: { added: [], removed: ['dist/a.js'], changed: [] } });
});

const onRealWindows = onlyWith('a rename of case alone, which Wine does not make', isWindows && !isWine);
describe.each([
  ['at once', onRealWindows, []],
  ['by way of another name', itOnWindows, ['other.js']],
] as const)('a rename that changes the case of a name alone, %s', (_, itHere, between) => {
  itHere('is a change', async () => {
    const root = makePackage({ 'dist/a.js': 'alpha', 'dist/b.js': 'beta' });
    const detector = createDetector({ path: root, settleMs: 100 });
    const names = ['a.js', ...between, 'A.js'].map((name) => join(root, 'dist', name));
    names.slice(1).forEach((name, i) => void renameSync(names[i] as string, name));
    expect(await settled(detector)).toMatchObject({
      verdict: 'changed',
      changes: { added: ['dist/A.js'], removed: ['dist/a.js'], changed: [] },
    });
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
