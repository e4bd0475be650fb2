import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, ftruncateSync, openSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readFile } from '../../src/disk/read-file.ts';
import { buildManifest, buildManifestSync } from '../../src/manifest/build.ts';
import { drive } from '../helpers/drive.ts';
import { errorOf, fingerprintOf } from '../helpers/manifest.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

const MiB = 1024 * 1024;

/** A file of zeros that takes no room on disk. */
function makeLarge(path: string, size: number): string {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  closeSync(fd);
  return path;
}

/** Blocks until `path` has grown beyond `size`. */
function waitForGrowth(path: string, size: number): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  while (statSync(path).size <= size) Atomics.wait(clock, 0, 0, 1);
}

/** A real process that appends to `path` without a pause until the test is over. */
function writeForEver(path: string): void {
  const script = `const { appendFileSync } = require('node:fs'); for (;;) appendFileSync(process.argv[1], 'x')`;
  const writer = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' });
  onTestFinished(() => void writer.kill('SIGKILL'));
}

describe('a file that someone is writing', () => {
  it('all the time, in another process, is unstable and never given a digest', async () => {
    const path = makeLarge(join(makeDirectory({}), 'log'), MiB);
    writeForEver(path);
    let seen = statSync(path).size;
    let steps = 0;
    const error = await errorOf(() =>
      drive(readFile(path, path), () => {
        steps++;
        waitForGrowth(path, seen);
        seen = statSync(path).size;
      }),
    );
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_UNSTABLE', path });
    expect(error.message).toContain(path);
    expect(steps).toBeGreaterThan(3); // so it was tried again, and given up
  });

  it('all the time, is unstable to buildManifest, which gives up', async () => {
    const root = makePackage({ 'dist/a.js': 'x' });
    const path = makeLarge(join(root, 'dist/log'), 64 * MiB);
    // Reading ahead waits for the event loop many times between the two looks at the size, and each time this runs.
    const writing = { on: true };
    const write = () => {
      if (!writing.on) return;
      appendFileSync(path, 'x');
      setImmediate(write);
    };
    write();
    onTestFinished(() => {
      writing.on = false;
    });
    const error = await errorOf(() => buildManifest(root));
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_UNSTABLE', path });
    writing.on = false;
    expect((await buildManifest(root)).entries).toHaveLength(2);
  });

  it('once, is read again, and its digest is that of what it came to', () => {
    const root = makeDirectory({});
    const path = makeLarge(join(root, 'log'), MiB);
    const reading = drive(readFile(path, path), (_, index) => {
      if (index === 1) appendFileSync(path, 'x');
    });
    expect(reading.size).toBe(MiB + 1);
    expect(buildManifestSync(root).entries).toEqual([{ path: 'log', content: reading.digest }]);
  });

  it('shorter, is read again, and its digest is that of what is left', () => {
    const root = makeDirectory({});
    const path = makeLarge(join(root, 'log'), MiB);
    const reading = drive(readFile(path, path), (_, index) => {
      if (index === 1) truncateSync(path, 10);
    });
    expect(reading.size).toBe(10);
    expect(buildManifestSync(root).entries).toEqual([{ path: 'log', content: reading.digest }]);
  });

  it('shorter, while it is read ahead, is read again likewise', async () => {
    const path = makeLarge(join(makeDirectory({}), 'log'), 64 * MiB);
    const building = buildManifest(path); // its size has been looked at when this returns, and no byte has come yet
    setImmediate(() => truncateSync(path, 20 * MiB + 1));
    const built = await building;
    expect(built.bytes).toBe(20 * MiB + 1);
    expect(built.fingerprint).toBe(fingerprintOf(path));
  });

  it('is called stable again when its writer is done', () => {
    const root = makeDirectory({ log: '1' });
    writeFileSync(join(root, 'log'), '2');
    expect(fingerprintOf(root)).toBe(fingerprintOf(makeDirectory({ log: '2' })));
  });
});
