import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { hashBytes } from '../../src/disk/hash.ts';
import { isPosix } from '../helpers/needs.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import { notRacy } from '../helpers/wait.ts';

/** What happens between a read and the fstat after it; how many bytes a read gives at most; how many reads there were. */
const meanwhile = { act: (): void => {}, bytes: Infinity, reads: 0 };

vi.doMock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const readSyncAndAct = (fd: number, buffer: Buffer, offset: number, asked: number, position: number) => {
    const length = fs.readSync(fd, buffer, offset, Math.min(asked, meanwhile.bytes), position);
    meanwhile.reads++;
    meanwhile.act();
    return length;
  };
  return { ...fs, readSync: readSyncAndAct };
});
// Files of tests share their modules: this one loads its own, and leaves none behind.
vi.resetModules();
const { readSmallFile } = await import('../../src/disk/read-file.ts');
vi.doUnmock('node:fs');
vi.resetModules();

const once = (act: () => void) => {
  meanwhile.act = () => {
    meanwhile.act = () => {};
    act();
  };
};

afterEach(() => {
  vi.useRealTimers();
  Object.assign(meanwhile, { act: () => {}, bytes: Infinity });
});

/** Files of 8 bytes, made long enough ago to be known by their timestamps. */
const root = makeTempToRemove();
for (let i = 0; i < 8; i++) writeFileSync(join(root, `f${i}`), 'contents');
const KIB = 1024;
/** On either side of what is hashed in one go, and the largest that is read without a pause. */
const SIZES = [0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB];
const toBytes = (size: number) => Buffer.alloc(size, 'any text whose length divides no power of two ');
for (const size of SIZES) writeFileSync(join(root, `${size}`), toBytes(size));
writeFileSync(join(root, 'large'), toBytes(1024 * KIB + 1));
await notRacy();
afterAll(() => removeTree(root));

let used = 0;
const nextFile = () => join(root, `f${used++}`);
const digestOf = (text: string) => hashBytes(Buffer.from(text));

/** Leaves size and mtime as they were. */
function overwrite(path: string, text: string): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, text);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function read(path: string) {
  meanwhile.reads = 0;
  return readSmallFile(path);
}

describe('a small file', () => {
  it('is read once where nobody writes to it', () => {
    expect(read(nextFile())).toMatchObject({ digest: digestOf('contents'), size: 8, racy: false });
    expect(meanwhile.reads).toBe(1);
  });

  it('is racy where it is young', () => {
    const path = nextFile();
    writeFileSync(path, 'contents');
    expect(read(path)).toMatchObject({ digest: digestOf('contents'), racy: true });
    expect(meanwhile.reads).toBe(1);
  });

  const changes: [string, (path: string) => void][] = [
    ['grows', (path) => appendFileSync(path, '!')],
    ['shrinks', (path) => truncateSync(path, 3)],
    ['is overwritten, with its size and mtime as they were,', (path) => overwrite(path, 'CONTENTS')],
    ...(isPosix ? [['is replaced', (path: string) => replace(path, 'CONTENTS')] as [string, () => void]] : []),
  ];
  it.each(changes)('gets no digest where it %s while it is read', (_, change) => {
    const path = nextFile();
    const looked = statSync(path);
    once(() => change(path));
    // A file that was replaced still has its content behind the descriptor: only its number of links moved, and so its ctime.
    expect(read(path)).toBeUndefined();
    expect(readSmallFile(path, looked)).toBeUndefined();
  });

  it('is read to its end where a read gives fewer bytes than were asked for', () => {
    meanwhile.bytes = 3;
    expect(read(nextFile())).toMatchObject({ digest: digestOf('contents'), size: 8 });
  });

  it('is racy where the clock is set back before it is read', () => {
    const path = nextFile();
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(read(path)).toMatchObject({ digest: digestOf('contents'), racy: true });
  });

  it.each(SIZES)('has the digest of all its bytes: %i of them', (size) => {
    const path = join(root, `${size}`);
    const expected = { digest: hashBytes(toBytes(size)), size };
    expect(read(path)).toMatchObject({ ...expected, racy: false });
    utimesSync(path, 0, 0); // its ctime is young from now on
    expect(read(path)).toMatchObject({ ...expected, racy: true });
  });

  it('is not read where it is too large for one go', () => {
    expect(read(join(root, 'large'))).toBeUndefined();
    expect(meanwhile.reads).toBe(0);
  });
});
