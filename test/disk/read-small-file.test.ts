import {
  appendFileSync,
  closeSync,
  openSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { hashBytes } from '../../src/disk/hash.ts';
import { readSmallFile } from '../../src/disk/read-file.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import { notRacy } from '../helpers/wait.ts';

/** What happens when the file has been read, and not yet been looked at again; how many bytes of it come at once; and how often it is read. */
const meanwhile = { act: (): void => {}, bytes: Infinity, reads: 0 };

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const readSyncAndAct = (fd: number, buffer: Buffer, offset: number, asked: number, position: number) => {
    const length = fs.readSync(fd, buffer, offset, Math.min(asked, meanwhile.bytes), position);
    meanwhile.reads++;
    meanwhile.act();
    return length;
  };
  return { ...fs, readSync: readSyncAndAct };
});

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
/** On either side of what comes at the first read, of what is hashed in one go, and of what is read without a pause. */
const SIZES = [0, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB];
const toBytes = (size: number) => Buffer.alloc(size, 'any text whose length divides no power of two ');
for (const size of SIZES) writeFileSync(join(root, `${size}`), toBytes(size));
for (const name of ['before', 'after']) writeFileSync(join(root, name), toBytes(100 * KIB));
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

function read(path: string) {
  meanwhile.reads = 0;
  return readSmallFile(path);
}

describe('a small file', () => {
  it('that nobody touched of late is read once', () => {
    expect(read(nextFile())).toMatchObject({ digest: digestOf('contents'), size: 8, racy: false });
    expect(meanwhile.reads).toBe(1);
  });

  it('that is young is read once more, between two looks, and known to be racy', () => {
    const path = nextFile();
    writeFileSync(path, 'contents');
    expect(read(path)).toMatchObject({ digest: digestOf('contents'), racy: true });
    expect(meanwhile.reads).toBe(2);
  });

  it.each<[string, (path: string) => void, string]>([
    ['longer', (path) => appendFileSync(path, '!'), 'contents!'],
    ['shorter', (path) => truncateSync(path, 3), 'con'],
    ['another, with its size and mtime as they were', (path) => overwrite(path, 'CONTENTS'), 'CONTENTS'],
  ])('that becomes %s while it is read is given the digest of what it came to', (_, change, text) => {
    const path = nextFile();
    once(() => change(path));
    expect(read(path)).toMatchObject({ digest: digestOf(text), size: text.length, racy: true });
  });

  it('of which fewer bytes come at once than it has is read to its end', () => {
    meanwhile.bytes = 3;
    expect(read(nextFile())).toMatchObject({ digest: digestOf('contents'), size: 8 });
  });

  it('that changes at each reading is given none', () => {
    const path = nextFile();
    meanwhile.act = () => appendFileSync(path, '!');
    expect(read(path)).toBeUndefined();
  });

  it('is not believed to be old where the clock is set back while it is read', () => {
    const path = nextFile();
    vi.useFakeTimers({ toFake: ['Date'] });
    once(() => vi.setSystemTime(Date.now() - 3_600_000));
    expect(read(path)).toMatchObject({ digest: digestOf('contents') });
    expect(meanwhile.reads).toBe(2);
  });
});

describe('a file that does not come at the first read', () => {
  it.each(SIZES)('has the digest of all its bytes: %i of them', (size) => {
    const path = join(root, `${size}`);
    const expected = { digest: hashBytes(toBytes(size)), size };
    expect(read(path)).toMatchObject({ ...expected, racy: false });
    utimesSync(path, 0, 0); // its ctime is young from now on
    expect(read(path)).toMatchObject({ ...expected, racy: true });
  });

  it('is begun again where its beginning changed before it was looked at', () => {
    const path = join(root, 'before');
    once(() => overwrite(path, 'CONTENTS'));
    const bytes = toBytes(100 * KIB);
    bytes.write('CONTENTS');
    expect(read(path)).toMatchObject({ digest: hashBytes(bytes), racy: true });
  });

  it('is given no digest where its beginning changed after that', () => {
    const path = join(root, 'after');
    once(() => once(() => overwrite(path, 'CONTENTS')));
    expect(read(path)).toBeUndefined();
  });
});
