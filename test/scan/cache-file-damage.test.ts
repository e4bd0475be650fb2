import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDetector, type Detector } from '../../src/change/detector.ts';
import { hashBytes } from '../../src/disk/hash.ts';
import { hasProgram, isPosix, isRoot, needs, onlyWith } from '../helpers/needs.ts';
import { makeFifo } from '../helpers/specials.ts';
import { talkToLoop } from '../helpers/talk.ts';
import { makeTemp } from '../helpers/temp.ts';
import { makeSharedTemp, writePackage } from '../helpers/tree.ts';
import { notRacy, settled } from '../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b/c.js': 'gamma', 'dist/b/d.js': 'delta' };
const FILES = 3;

const temp = makeSharedTemp();
const root = writePackage(join(temp, 'root'), files);
const other = writePackage(join(temp, 'other'), files);
const cacheFile = join(temp, 'cache');
let whole: Buffer;
let baseline: Detector['baseline'];

/** What a fresh process has: nothing but the baseline, told by whom it trusts, and the cache file. */
const fresh = () => createDetector({ path: root, baseline, cacheFile });

beforeAll(async () => {
  await notRacy();
  const detector = createDetector({ path: root, cacheFile });
  expect((await settled(detector)).verdict).toBe('current');
  baseline = detector.baseline;
  whole = readFileSync(cacheFile);
});

afterEach(() => {
  vi.restoreAllMocks();
  writeFileSync(cacheFile, whole);
});

describe('a cache file is ignored with a note, and the answer is right, where it', () => {
  function expectIgnored(why: string): void {
    const detector = fresh();
    expect(detector.notes).toEqual([expect.stringContaining(why)]);
    expect(detector.notes[0]).toContain(cacheFile);
    expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead: FILES });
  }

  it('is cut off anywhere, and the next process finds it whole again', () => {
    for (let i = 0; i < 20; i++) {
      writeFileSync(cacheFile, whole.subarray(0, Math.floor((whole.length * i) / 20)));
      expectIgnored('damaged');
      expect(fresh().checkSync()).toMatchObject({ verdict: 'current', filesRead: 0 });
    }
  });

  it('has any byte flipped', () => {
    const position = fc.integer({ min: 0, max: whole.length - 1 });
    const flip = fc.record({ at: position, by: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 3 }), (flips) => {
        const damaged = Buffer.from(whole);
        for (const { at, by } of flips) damaged[at] = (damaged[at] as number) ^ by;
        fc.pre(!damaged.equals(whole));
        writeFileSync(cacheFile, damaged);
        expectIgnored('not used');
      }),
      { numRuns: 500 },
    );
  });

  it('is of another format, or of no format at all', () => {
    writeFileSync(cacheFile, whole.toString('latin1').replace('distprint cache 2', 'distprint cache 9'), 'latin1');
    expectIgnored('another format');
    for (const text of ['', '\n', 'null\n', '[]\n', '{}\n', '{"format":"distprint cache 2"}\n', 'DIRC']) {
      writeFileSync(cacheFile, text);
      expectIgnored('not used');
    }
  });

  /** A file whose checksum fits. */
  const forge = (body: Uint8Array) =>
    writeFileSync(cacheFile, Buffer.concat([Buffer.from(`distprint cache 2 ${hashBytes(body)}\n`), body]));
  const saved = () => deserialize(whole.subarray(whole.indexOf('\n') + 1));

  it('holds no value that this runtime reads, behind a checksum that fits', () => {
    for (const body of [Buffer.alloc(0), Buffer.from('{}'), Buffer.alloc(100, 255), serialize(null), serialize([1])]) {
      forge(body);
      expectIgnored('another runtime or release');
    }
  });

  it('lacks any of its fields, or has another type in its place, behind a checksum that fits', () => {
    forge(serialize(saved()));
    expect(fresh().notes).toEqual([]);
    const wrong = [undefined, 7n, 'x', [7], {}, new Float64Array(1), new Map([[7, 7]]), new Set([7])];
    let count = 0;
    for (const part of ['', 'subject', 'subject.coverage', 'subject.globs', 'subject.packageJson']) {
      const all = saved();
      const holder = part.split('.').reduce((value, name) => (name === '' ? value : value[name]), all);
      for (const field of Object.keys(holder)) {
        const right = holder[field];
        for (const value of wrong) {
          if (typeof value === 'string' && (typeof right === 'string' || right === null)) continue; // no other type
          holder[field] = value;
          forge(serialize(all));
          expect(fresh().notes, `${part} ${field} ${typeof value}`).toEqual([
            expect.stringContaining('another runtime'),
          ]);
          count++;
        }
        holder[field] = right;
      }
    }
    expect(count).toBeGreaterThan(150);
  });

  it('has columns of other lengths, behind a checksum that fits', () => {
    for (const field of ['files', 'digests', 'directories', 'entries']) {
      const all = saved();
      all[field] = field === 'digests' ? all[field].slice(16) : all[field].split('\0').slice(1).join('\0');
      forge(serialize(all));
      expectIgnored('another runtime or release');
    }
  });

  it('is of another root', () => {
    createDetector({ path: other, cacheFile });
    expectIgnored(other);
  });

  it('covers something else', () => {
    createDetector({ path: root, cacheFile, exclude: ['dist/b'] });
    expectIgnored('covers something else');
  });

  it('was saved in the future, because the clock was set back', () => {
    const { now } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    expectIgnored('future');
  });

  onlyWith('permissions', isPosix)('can be written by others, who could say which content a file has', () => {
    chmodSync(cacheFile, 0o666);
    try {
      expectIgnored('others may write it');
    } finally {
      chmodSync(cacheFile, 0o600);
    }
  });

  onlyWith('root, for chown', isRoot)('belongs to somebody else', () => {
    chownSync(cacheFile, 65534, 65534);
    try {
      expectIgnored('another user');
    } finally {
      if (existsSync(cacheFile)) chownSync(cacheFile, 0, 0);
    }
  });

  needs('mkfifo', hasProgram('mkfifo'))('is a pipe: nobody waits for it', async () => {
    const pipe = join(makeTemp(), 'pipe');
    makeFifo(pipe);
    const { ask } = await talkToLoop();
    const { notes } = await ask({ do: 'create', options: { path: root, cacheFile: pipe, baseline } });
    expect(notes).toEqual([expect.stringContaining(pipe)]);
  });
});
