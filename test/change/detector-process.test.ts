import { chmodSync, existsSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { canLink } from '../helpers/links.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { type Answer, talk, talkToLoop, writeProgram } from '../helpers/talk.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { asOrdinaryUser, itAsUser } from '../helpers/user.ts';
import { until } from '../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };

type Process = Awaited<ReturnType<typeof talk>>;

const settledIn = ({ ask }: Process): Promise<Answer> =>
  until('a settled verdict', async () => {
    const answer = await ask({ do: 'check' });
    return answer.verdict === 'settling' ? undefined : answer;
  });

const here = fileURLToPath(import.meta.url);
const itWithoutCase = onlyWith('a disk where case does not count', existsSync(here.toUpperCase()));

describe('a program that looks at itself', () => {
  /** A package whose program runs, started through a link as npm's bin links are; where there are none, by its path, as npm's shims do. */
  async function startProgram(flags: readonly string[] = []) {
    const root = makePackage(files);
    writeProgram(join(root, 'dist/cli.mjs'));
    const bin = join(makeTemp(), 'cli.mjs');
    if (canLink) symlinkSync(join(root, 'dist/cli.mjs'), bin);
    return { root, program: await talk([process.execPath, ...flags, canLink ? bin : join(root, 'dist/cli.mjs')]) };
  }
  /** As an installer does: the loaded code stays as it was. */
  const rewrite = (root: string) => writeFileSync(join(root, 'dist/a.js'), 'ALPHA');

  itWithoutCase('is found, and doubted, however its path is spelled', async () => {
    const root = makePackage(files);
    writeProgram(join(root, 'dist/cli.mjs'));
    const program = await talk([process.execPath, join(root.toUpperCase(), 'DIST/cli.mjs')]);
    rewrite(root);
    await program.ask({ do: 'create', options: { path: root, settleMs: 200 } });
    expect(await settledIn(program)).toMatchObject({
      verdict: 'changed',
      reason: expect.stringContaining('dist/a.js'),
    });
  });

  it('is current where nothing came between its start and its baseline', async () => {
    const { root, program } = await startProgram();
    await program.ask({ do: 'create', options: { path: root, settleMs: 200 } });
    expect(await program.ask({ do: 'check' })).toMatchObject({ verdict: 'current' });
  });

  it('is changed, once settled, where a file of it was replaced between its start and its baseline', async () => {
    const { root, program } = await startProgram();
    rewrite(root);
    await program.ask({ do: 'create', options: { path: root, settleMs: 60_000 } });
    expect(await program.ask({ do: 'checkSync' })).toMatchObject({ verdict: 'settling' });
    await program.ask({ do: 'create', options: { path: root, settleMs: 200 } });
    const check = await settledIn(program);
    expect(check).toMatchObject({ verdict: 'changed', reason: expect.stringContaining('dist/a.js') });
    expect(check).toMatchObject({ changes: { version: null, added: [], removed: [], changed: [] } });
    expect(await program.ask({ do: 'checkSync' })).toMatchObject({ verdict: 'changed' });
  });

  // The clock of the process is moved by hand: to move the machine's would move the disk's too.
  const back = 'const { now } = Date, hourMs = 3_600_000; Date.now = () => now() - hourMs';
  const wholeClock = `; Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin - hourMs })`;
  const preload = (code: string) => ['--import', `data:text/javascript,${encodeURIComponent(code)}`];

  it('is current where the clock of the disk is an hour ahead, so that every file looks younger than the process', async () => {
    const { root, program } = await startProgram(preload(back + wholeClock));
    await program.ask({ do: 'create', options: { path: root, settleMs: 200 } });
    expect(await settledIn(program)).toMatchObject({ verdict: 'current' });
  });

  it('is changed where a file was replaced since the start, and the clock set back since', async () => {
    const { root, program } = await startProgram(preload(back));
    rewrite(root);
    await program.ask({ do: 'create', options: { path: root, settleMs: 200 } });
    expect(await settledIn(program)).toMatchObject({
      verdict: 'changed',
      reason: expect.stringContaining('dist/a.js'),
    });
  });

  it('is changed likewise where a file was put into its place whose own times are old', async () => {
    const { root, program } = await startProgram();
    writeFileSync(join(root, 'new'), '2');
    utimesSync(join(root, 'new'), 499_162_500, 499_162_500); // npm's, of 1985
    renameSync(join(root, 'new'), join(root, 'dist/a.js'));
    await program.ask({ do: 'create', options: { path: root, settleMs: 200 } });
    expect(await settledIn(program)).toMatchObject({ verdict: 'changed' });
  });

  it('is current where it was only touched, if the cache file knows what it held before', async () => {
    const { root, program } = await startProgram();
    const cacheFile = join(makeTemp(), 'cache');
    const before = await talkToLoop();
    await before.ask({ do: 'create', options: { path: root, cacheFile, settleMs: 1 } });
    expect((await settledIn(before)).verdict).toBe('current');
    touch(root, 'dist/a.js');
    await program.ask({ do: 'create', options: { path: root, cacheFile, settleMs: 200 } });
    expect(await settledIn(program)).toMatchObject({ verdict: 'current' });
  });

  it('is changed where the cache file knows that it held something else', async () => {
    const { root, program } = await startProgram();
    const cacheFile = join(makeTemp(), 'cache');
    const before = await talkToLoop();
    await before.ask({ do: 'create', options: { path: root, cacheFile, settleMs: 1 } });
    expect((await settledIn(before)).verdict).toBe('current');
    rewrite(root);
    await program.ask({ do: 'create', options: { path: root, cacheFile, settleMs: 200 } });
    expect(await settledIn(program)).toMatchObject({ verdict: 'changed' });
  });

  it('is held against the baseline alone where that is given', async () => {
    const { root, program } = await startProgram();
    const baseline = buildManifestSync(root);
    touch(root, 'dist/a.js');
    await program.ask({ do: 'create', options: { path: root, baseline, settleMs: 1 } });
    expect(await settledIn(program)).toMatchObject({ verdict: 'current' });
    rewrite(root);
    expect(await settledIn(program)).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
  });

  it('does not doubt another package that was written after its start', async () => {
    const { program } = await startProgram();
    await program.ask({ do: 'create', options: { path: makePackage(files), settleMs: 1 } });
    expect(await settledIn(program)).toMatchObject({ verdict: 'current' });
  });
});

const withUlimit = onlyWith('ulimit', isPosix);
const limited = ['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'];

/** Moves the timestamps. */
function touch(root: string, ...paths: string[]): void {
  const now = new Date();
  for (const path of paths) utimesSync(join(root, path), now, now);
}

describe('a process that may open no more files', () => {
  withUlimit('is settling with that reason, and current again when some are closed', async () => {
    const root = makePackage(files);
    const { ask } = await talkToLoop({}, limited);
    await ask({ do: 'create', options: { path: root } });
    touch(root, ...Object.keys(files)); // so that it must be read, however long ago it was written
    await ask({ do: 'fill' });
    for (const way of ['check', 'checkSync'] as const) {
      expect(await ask({ do: way })).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('EMFILE') });
    }
    await ask({ do: 'empty' });
    expect(await ask({ do: 'check' })).toMatchObject({ verdict: 'current' });
  });

  withUlimit('is settling too where that happens to its very first look', async () => {
    const root = makePackage(files);
    const { ask } = await talkToLoop({}, limited);
    await ask({ do: 'create', options: { path: root, baseline: buildManifestSync(root) } });
    await ask({ do: 'fill' });
    for (const way of ['check', 'checkSync'] as const) {
      expect(await ask({ do: way })).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('EMFILE') });
    }
    await ask({ do: 'empty' });
    expect(await ask({ do: 'check' })).toMatchObject({ verdict: 'current' });
  });
});

itAsUser.each(['dist/b.js', 'dist', 'package.json', '.'])(
  'what may not be read is settling with a reason, and current when it may: %s',
  async (closed) => {
    const root = makePackage(files);
    for (const directory of [dirname(root), root]) chmodSync(directory, 0o755); // mkdtemp closes it to others
    const { ask } = await talkToLoop(asOrdinaryUser);
    await ask({ do: 'create', options: { path: root, settleMs: 1 } });
    writeTree(root, { 'dist/a.js': 'ALPHA' });
    chmodSync(join(root, closed), 0);
    try {
      for (const way of ['check', 'checkSync'] as const) {
        const check = await ask({ do: way });
        expect(check).toMatchObject({ verdict: 'settling', fingerprint: null });
        expect(check.reason).toContain(join(root, closed));
      }
    } finally {
      chmodSync(join(root, closed), 0o755);
    }
    writeTree(root, { 'dist/a.js': 'alpha' });
    expect(await ask({ do: 'check' })).toMatchObject({ verdict: 'current' });
  },
);
