import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { itWithLinks } from '../../helpers/links.ts';
import { inForm } from '../../helpers/long.ts';
import { fingerprintOf } from '../../helpers/manifest.ts';
import { isWindows } from '../../helpers/needs.ts';
import { itOnPosix, itWithSignals } from '../../helpers/on-posix.ts';
import { makePackage, makeTemp, writeTree } from '../../helpers/temp.ts';
import { sleep, until } from '../../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

const server = (more: Record<string, string> = {}) => makePackage({ 'dist/server.js': serverOf('one'), ...more });
const serve = ['node', 'dist/server.js'];

/** Writes `dist` as a build does: one file after the other. */
function build(root: string, version: string, files = 20): void {
  mkdirSync(join(root, 'dist'), { recursive: true });
  for (let i = 0; i < files; i++) writeFileSync(join(root, `dist/part-${i}.js`), `export default ${i};\n`);
  writeFileSync(join(root, 'dist/server.js'), serverOf(version));
}

/** How long nothing must happen to count as nothing: several times the default settle time. */
const QUIET_MS = 1_500;

/** Writes a server into a file beside it, and ends. */
const selfWriting = (name: string) =>
  `require('node:fs').writeFileSync(require('node:path').join(__dirname, ${JSON.stringify(name)}), ${JSON.stringify(serverOf('whole'))});`;

describe('distprint run restarts for content', () => {
  it('once for an edit, and says what changed, from which version to which', async () => {
    const root = server();
    const run = startWrapper([], serve, { cwd: root });
    const started = await run.event('started');
    expect(started).toMatchObject({ version: '1.2.3', fingerprint: fingerprintOf(root) });
    await run.line(`one ${started.pid}`);
    writeTree(root, { 'dist/server.js': serverOf('two'), 'package.json': { name: 'example', version: '1.3.0' } });
    const restarted = await run.event('restarted');
    expect(restarted).toMatchObject({
      why: 'content',
      fingerprint: fingerprintOf(root),
      changed: { paths: ['dist/server.js'], from: '1.2.3', to: '1.3.0' },
    });
    await run.line(`two ${restarted.pid}`);
    expect(await run.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(run.stderr()).toMatch(
      /^distprint: restarted as process \d+: dist\/server\.js changed, 1\.2\.3 -> 1\.3\.0; waited \d+ ms for the build, the restart took \d+ ms\n$/,
    );
  });

  it('not while a file that held something is empty, as one is that is being written, but for longer than a build pauses', async () => {
    const root = server({ 'dist/part.js': 'part' });
    const run = startWrapper(['--verbose'], serve, { cwd: root });
    await run.loaded();
    writeFileSync(join(root, 'dist/part.js'), '');
    await sleep(800); // four times what settles otherwise
    writeFileSync(join(root, 'dist/part.js'), 'part');
    await sleep(QUIET_MS);
    expect(run.events().map(({ event }) => event)).toEqual(['started']);
    writeFileSync(join(root, 'dist/part.js'), '');
    expect((await run.event('restarted')).settledInMs).toBeGreaterThan(1_000);
  });

  it('not for 1,000 touches, and not for 20 builds of the same bytes', async () => {
    const root = server();
    build(root, 'one');
    const run = startWrapper(['--verbose'], serve, { cwd: root });
    await run.loaded();
    for (let i = 0; i < 1_000; i++) {
      utimesSync(join(root, `dist/part-${i % 20}.js`), i, i);
      if (i % 50 === 0) await sleep(5);
    }
    for (let i = 0; i < 20; i++) {
      build(root, 'one');
      await sleep(20);
    }
    await sleep(QUIET_MS);
    expect(run.events().map(({ event }) => event)).toEqual(['started']);
    // It was looking all the while.
    build(root, 'two');
    expect((await run.event('restarted')).changed?.paths).toEqual(['dist/server.js']);
  });

  it('not for a script that was emptied, as on a full disk: the old process runs on', async () => {
    const root = server();
    const run = startWrapper(['--verbose'], serve, { cwd: root });
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), '');
    await sleep(QUIET_MS);
    expect(run.events().map(({ event }) => event)).toEqual(['started']);
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await run.event('restarted');
    await run.line('two');
  });

  it('once for a build that deletes, and writes anew for seconds', async () => {
    const root = server();
    build(root, 'one', 60);
    const run = startWrapper(['--verbose'], serve, { cwd: root });
    await run.loaded();
    rmSync(join(root, 'dist'), { recursive: true });
    await sleep(500);
    mkdirSync(join(root, 'dist'));
    for (let i = 0; i < 60; i++) {
      writeFileSync(join(root, `dist/part-${i}.js`), `export default 'of two: ${i}';\n`);
      if (i === 5) writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
      await sleep(i === 30 ? 600 : 30); // a pause longer than the settle time, while most is still missing
    }
    await run.event('restarted');
    await run.line('two');
    await sleep(QUIET_MS);
    expect(run.events('restarted')).toHaveLength(1);
    expect(run.events('restarted')[0]).toMatchObject({ fingerprint: fingerprintOf(root) });
  });

  it('not for an unfinished build that is left lying: its program is away', async () => {
    const root = server({ 'dist/other.js': 'one' });
    const run = startWrapper(['--settle', '50ms', '--verbose'], serve, { cwd: root });
    const { pid } = await run.event('started');
    await run.loaded();
    renameSync(join(root, 'dist/server.js'), join(root, 'dist/server.js.tmp'));
    writeFileSync(join(root, 'dist/other.js'), 'two');
    await sleep(QUIET_MS);
    expect(run.events()).toHaveLength(1);
    renameSync(join(root, 'dist/server.js.tmp'), join(root, 'dist/server.js'));
    const restarted = await run.event('restarted');
    expect(restarted.changed?.paths).toEqual(['dist/other.js']);
    expect(restarted.pid).not.toBe(pid);
  });

  it('not for content that comes and goes within the wait', async () => {
    const root = server();
    const run = startWrapper(['--settle', '1s', '--verbose'], serve, { cwd: root });
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await sleep(300);
    writeFileSync(join(root, 'dist/server.js'), serverOf('one'));
    await sleep(2_000);
    expect(run.events()).toHaveLength(1);
  });

  it('again if it may have loaded content that was there for a moment while it started', async () => {
    const root = server();
    const run = startWrapper(['--settle', '400ms'], serve, { cwd: root });
    await run.event('started');
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await sleep(200);
    writeFileSync(join(root, 'dist/server.js'), serverOf('one'));
    const { changed, fingerprint } = await run.event('restarted');
    expect({ changed, fingerprint }).toEqual({
      changed: { paths: [], from: '1.2.3', to: '1.2.3' },
      fingerprint: fingerprintOf(root),
    });
    await run.said('it may have loaded what was there in between');
  });

  it('and anew, where its script was written while it loaded, though it ended well', async () => {
    const root = makePackage({ 'dist/server.js': selfWriting('server.js') });
    const run = startWrapper(['--settle', '20ms'], serve, { cwd: root });
    expect(await run.event('ended')).toMatchObject({ code: 0, next: 'wait for the build' });
    await run.line('whole');
  });

  it('but not what ended well, and wrote another file', async () => {
    const root = makePackage({ 'dist/server.js': selfWriting('other.js') });
    const run = startWrapper(['--settle', '20ms'], serve, { cwd: root });
    expect((await run.end()).code).toBe(0);
    expect(run.events().map(({ event }) => event)).toEqual(['started', 'ended']);
  });

  it('so that what runs last is what is on disk, whenever it is written', async () => {
    const root = server();
    const run = startWrapper(['--settle', '20ms', '--max-restarts', '1000'], serve, { cwd: root });
    await run.line('one');
    for (let i = 0; i < 30; i++) {
      writeFileSync(join(root, 'dist/server.js'), serverOf(`version-${i}`));
      await sleep((i * 37) % 150);
    }
    await run.line('version-29');
    await sleep(QUIET_MS);
    expect(run.lines().at(-1)).toContain('version-29');
    expect(run.events('restarted').at(-1)?.fingerprint).toBe(fingerprintOf(root));
    expect(run.events('restarted').length).toBeGreaterThan(isWindows ? 0 : 1); // a restart takes seconds under Wine
  });

  itOnPosix('of each path that --watch names', async () => {
    const root = server();
    const beside = makeTemp();
    writeFileSync(join(beside, 'settings.json'), '{}');
    const run = startWrapper(
      ['--watch', join(root, 'dist'), '--watch', beside],
      ['sh', '-c', 'exec node dist/server.js'],
      {
        cwd: root,
      },
    );
    await run.line('one');
    writeFileSync(join(beside, 'settings.json'), '{"a":1}');
    expect((await run.event('restarted')).changed?.paths).toEqual([join(beside, 'settings.json')]);
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    expect((await run.event('restarted', 2)).changed?.paths).toEqual([join(root, 'dist/server.js')]);
  });

  itOnPosix('once there is something to start: it waits for the first build, and says so', async () => {
    const root = makePackage({ 'src/server.ts': '' });
    const run = startWrapper([], serve, { cwd: root });
    const { reason } = await run.event('waiting');
    expect(reason).toContain(join(root, 'dist/server.js'));
    build(root, 'first');
    await run.line('first');
    expect(run.stderr()).toMatch(/^distprint: waits: .* is not there yet\n$/);
    const elsewhere = join(makeTemp(), 'not', 'yet');
    const other = startWrapper(['--watch', elsewhere], ['sh', '-c', `exec node ${elsewhere}/server.js`]);
    expect((await other.event('waiting')).reason).toContain(elsewhere);
    mkdirSync(elsewhere, { recursive: true });
    writeFileSync(join(elsewhere, 'server.js'), serverOf('second'));
    await other.line('second');
  });

  it('not for the files that it writes itself', async () => {
    const root = makePackage({ 'server.js': serverOf('one') });
    const own = ['--json', join(root, 'events.jsonl'), '--state', 'own.state.json', '--metrics-file', 'own.prom'];
    const run = startWrapper([...own, '--verbose'], ['node', 'server.js'], { cwd: root });
    await run.loaded();
    writeFileSync(join(root, 'server.js'), serverOf('two'));
    await run.loaded(2);
    await sleep(QUIET_MS);
    expect(run.stderr().match(/restarted/g)).toHaveLength(1);
  });

  itWithLinks('when a link on the way to it leads to another release', async () => {
    const site = makeTemp();
    for (const version of ['one', 'two']) {
      writeTree(join(site, version), {
        'package.json': { name: 'example', version },
        'dist/server.js': serverOf(version),
      });
    }
    symlinkSync('one', join(site, 'current'));
    const run = startWrapper(['--verbose'], ['node', 'current/dist/server.js'], { cwd: site });
    await run.loaded();
    symlinkSync('two', join(site, 'next'));
    renameSync(join(site, 'next'), join(site, 'current'));
    expect((await run.event('restarted')).changed).toMatchObject({ from: 'one', to: 'two' });
    await run.line('two');
  });

  it.each(inForm('waits of half a minute', [30], () => false))(
    'not while it never settles: after %i s it says so, once',
    { timeout: 90_000 },
    async () => {
      const root = server();
      const run = startWrapper(['--settle', '500ms', '--verbose'], serve, { cwd: root });
      await run.loaded();
      let i = 0;
      const writing = setInterval(() => writeFileSync(join(root, 'dist/log.txt'), String(i++)), 100);
      onTestFinished(() => clearInterval(writing));
      const { reason } = await until('a note', () => run.events('note')[0], 100, 45_000);
      expect(reason).toContain('has not settled for 30 s');
      await sleep(3_000);
      expect(run.events().map(({ event }) => event)).toEqual(['started', 'note']);
      clearInterval(writing);
      await run.event('restarted');
    },
  );

  itWithSignals('not by hand either while its program is away', async () => {
    const root = server();
    const run = startWrapper(['--verbose'], serve, { cwd: root });
    const { pid } = await run.event('started');
    await run.loaded();
    rmSync(join(root, 'dist'), { recursive: true });
    run.child.kill('SIGUSR2');
    expect((await run.event('note')).reason).toContain('not restarted');
    expect(isThere(pid as number)).toBe(true);
    build(root, 'two');
    await run.line('two');
  });

  itWithSignals('by hand at SIGUSR2, also where nothing changed', async () => {
    const root = server();
    const run = startWrapper([], serve, { cwd: root });
    await run.line('one');
    run.child.kill('SIGUSR2');
    expect(await run.event('restarted')).toMatchObject({ why: 'by hand', changed: null });
    await until('two starts', () => (run.lines().length === 2 ? true : undefined));
  });
});
