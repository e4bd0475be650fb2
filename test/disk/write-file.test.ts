import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { writeFileAtomic, writeFileAtomicSync } from '../../src/disk/write-file.ts';
import { isPosix, isRoot, onlyWith } from '../helpers/needs.ts';
import { itWithDisk, makeSmallDisk } from '../helpers/small-disk.ts';
import { makeTemp } from '../helpers/temp.ts';

const itOnPosix = onlyWith('POSIX modes and links', isPosix);
const itAsRoot = onlyWith('root', isRoot);
const TEMPORARY = /^file\.[0-9a-f]{16}\.tmp$/;
const nothingLeft = (directory: string) =>
  expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);

describe.each([
  ['writeFileAtomic', writeFileAtomic],
  ['writeFileAtomicSync', async (...given: Parameters<typeof writeFileAtomic>) => writeFileAtomicSync(...given)],
])('%s', (_, write) => {
  it('writes text and bytes, over what was there, and leaves nothing else', async () => {
    const directory = makeTemp();
    const file = join(directory, 'file');
    await write(file, 'ä\n');
    expect(readFileSync(file, 'utf8')).toBe('ä\n');
    const bytes = Buffer.alloc(3_000_000, 'x');
    await write(file, bytes);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  itOnPosix('gives the mode that is asked for, else that of the file before', async () => {
    const directory = makeTemp();
    const mode = (name: string) => statSync(join(directory, name)).mode & 0o777;
    await write(join(directory, 'new'), '', { mode: 0o600 });
    expect(mode('new')).toBe(0o600);
    chmodSync(join(directory, 'new'), 0o751);
    await write(join(directory, 'new'), '');
    expect(mode('new')).toBe(0o751);
    await write(join(directory, 'new'), '', { mode: 0o600 });
    expect(mode('new')).toBe(0o600);
  });

  itAsRoot('leaves a file to its owner', async () => {
    const file = join(makeTemp(), 'file');
    writeFileSync(file, '');
    chownSync(file, 1234, 2345);
    await write(file, 'new');
    expect(statSync(file)).toMatchObject({ uid: 1234, gid: 2345 });
  });

  itOnPosix('replaces what a link leads to, and not the link', async () => {
    const directory = makeTemp();
    mkdirSync(join(directory, 'elsewhere'));
    writeFileSync(join(directory, 'elsewhere/file'), 'old');
    symlinkSync('elsewhere/file', join(directory, 'link'));
    await write(join(directory, 'link'), 'new');
    expect(readlinkSync(join(directory, 'link'))).toBe('elsewhere/file');
    expect(readFileSync(join(directory, 'elsewhere/file'), 'utf8')).toBe('new');
    nothingLeft(join(directory, 'elsewhere'));
  });

  itOnPosix('replaces a link that leads to nothing', async () => {
    const directory = makeTemp();
    symlinkSync('nowhere', join(directory, 'link'));
    await write(join(directory, 'link'), 'new');
    expect(lstatSync(join(directory, 'link')).isFile()).toBe(true);
    expect(readdirSync(directory)).toEqual(['link']);
  });

  itAsRoot('does not follow the link of another user', async () => {
    const directory = makeTemp();
    writeFileSync(join(directory, 'file'), 'ours');
    symlinkSync('file', join(directory, 'link'));
    lchownSync(join(directory, 'link'), 1234, 1234);
    await expect(write(join(directory, 'link'), 'new')).rejects.toMatchObject({
      code: 'ERR_DISTPRINT_UNSUPPORTED_FILE',
      message: expect.stringContaining('link of another user (1234)'),
    });
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('ours');
  });

  it('names the target in its errors, not the temporary file', async () => {
    const file = join(makeTemp(), 'away/file');
    await expect(write(file, '')).rejects.toMatchObject({
      code: 'ENOENT',
      path: file,
      message: `ENOENT: no such file or directory, open '${file}'`,
    });
  });

  it('refuses to replace a directory', async () => {
    const directory = makeTemp();
    mkdirSync(join(directory, 'file'));
    await expect(write(join(directory, 'file'), '')).rejects.toMatchObject({ code: 'ERR_DISTPRINT_UNSUPPORTED_FILE' });
    expect(readdirSync(directory)).toEqual(['file']);
  });
});

describe('the temporary file', () => {
  it('has a random name of a documented form, another one at each write', async () => {
    const directory = makeTemp();
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const writing = writeFileAtomic(join(directory, 'file'), Buffer.alloc(1_000_000));
      for (const name of readdirSync(directory)) if (name !== 'file') seen.add(name);
      await writing;
    }
    expect(seen.size).toBe(3);
    for (const name of seen) expect(name).toMatch(TEMPORARY);
  });

  itWithDisk('is removed where the disk is full', async () => {
    const place = makeSmallDisk();
    const file = join(place, 'file');
    writeFileSync(file, 'old');
    const bytes = Buffer.alloc(200_000);
    await expect(writeFileAtomic(file, bytes)).rejects.toMatchObject({ code: 'ENOSPC', path: file });
    expect(() => writeFileAtomicSync(file, bytes)).toThrow(`, write '${file}'`);
    expect(readdirSync(place)).toEqual(['file']);
    expect(readFileSync(file, 'utf8')).toBe('old');
  });
});

it('no signal is listened to while a file is written: one that comes as the listening stops would be lost', async () => {
  const before = process.eventNames();
  let isDone = false;
  const writing = writeFileAtomic(join(makeTemp(), 'file'), Buffer.alloc(1_000_000)).finally(() => {
    isDone = true;
  });
  let looks = 0;
  for (; !isDone; await turn(), looks++) expect(process.eventNames()).toEqual(before);
  await writing;
  expect(looks).toBeGreaterThan(0);
});
