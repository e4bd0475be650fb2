import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { distprint } from '../../helpers/cli.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { isWindows } from '../../helpers/needs.ts';
import { itOnPosix, itWithSignals } from '../../helpers/on-posix.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { sleep, until } from '../../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

const serve = ['node', 'dist/server.js'];
const packageOf = (script: string) => makePackage({ 'dist/server.js': script });
const run = (script: string, ...options: string[]) => startWrapper(options, serve, { cwd: packageOf(script) });

describe('a command that ends by itself', () => {
  it.each([0, 1, 7, 255])('with exit status %i ends the wrapper with that', async (code) => {
    expect(await run(`process.exitCode = ${code}`).end()).toEqual({ code, signal: null });
  });

  itWithSignals.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const)(
    'by %s ends the wrapper by that',
    async (signal) => {
      const script = `process.kill(process.pid, '${signal}'); setInterval(() => {}, 1e6);`;
      expect(await run(`setTimeout(() => {}, 1e6); ${script}`).end()).toEqual({ code: null, signal });
    },
  );

  itWithSignals('by SIGUSR1 ends the wrapper with 138: that signal starts the debugger of Node', async () => {
    const wrapper = startWrapper(['--watch', '.'], ['sh', '-c', 'kill -USR1 $$'], { cwd: makePackage({}) });
    expect(await wrapper.end()).toEqual({ code: 138, signal: null });
    expect(wrapper.stderr()).not.toContain('Debugger');
  });

  it('is said in one line, and started again by its supervisor, not by us', async () => {
    const wrapper = run('process.exit(3)');
    await wrapper.end();
    expect(wrapper.stderr()).toBe('distprint: it ended with exit status 3\n');
    expect(wrapper.events().map(({ event }) => event)).toEqual(['started', 'ended']);
  });

  it('with --on-exit wait is started again when its content is another', async () => {
    const root = packageOf('process.exit(1)');
    const wrapper = startWrapper(['--on-exit', 'wait'], serve, { cwd: root });
    expect(await wrapper.event('ended')).toMatchObject({ code: 1, next: 'wait' });
    writeFileSync(join(root, 'dist/server.js'), serverOf('fixed'));
    await wrapper.line('fixed');
    expect(wrapper.events('ended')).toHaveLength(1);
  });

  it('with --on-exit restart is started again, later each time, however often it ends at once', async () => {
    const wrapper = run('process.exit(1)', '--on-exit', 'restart');
    await wrapper.event('ended', 3);
    expect(wrapper.events('ended').map(({ inMs }) => inMs)).toEqual([1_000, 2_000, 4_000]);
    expect(wrapper.events('restarted').map(({ why }) => why)).toEqual(['its end', 'its end']);
    expect(await wrapper.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('because it loaded what was just being written is started again when that has settled', async () => {
    const root = packageOf(serverOf('one'));
    const wrapper = startWrapper(['--settle', '300ms', '--verbose'], serve, { cwd: root });
    await wrapper.loaded();
    // The next start reads a file that is gone in the same moment.
    writeFileSync(
      join(root, 'dist/server.js'),
      `require('node:fs').writeFileSync('dist/part.js', 'half'); throw new Error('torn');`,
    );
    expect(await wrapper.event('ended')).toMatchObject({ code: 1, next: 'wait for the build' });
    writeFileSync(join(root, 'dist/server.js'), serverOf('whole'));
    await wrapper.line('whole');
  });

  itOnPosix('takes with it what it had started', async () => {
    const script = `const { pid } = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
      console.log('left', pid); process.exit(5);`;
    const wrapper = run(script);
    const pid = Number((await wrapper.line('left')).split(' ')[1]);
    expect(await wrapper.end()).toEqual({ code: 5, signal: null });
    expect(isThere(pid)).toBe(false);
  });
});

describe('a signal to the wrapper', () => {
  itWithSignals.each(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const)(
    "%s is the command's: its exit status is ours",
    async (signal) => {
      const wrapper = run(`process.on('${signal}', () => process.exit(9)); ${serverOf('up')}`);
      await wrapper.line('up');
      expect(await wrapper.end(signal)).toEqual({ code: 9, signal: null });
    },
  );

  itWithSignals.each(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const)(
    '%s that ends the command ends the wrapper',
    async (signal) => {
      const wrapper = run(serverOf('up'));
      await wrapper.line('up');
      expect(await wrapper.end(signal)).toEqual({ code: null, signal });
    },
  );

  itWithSignals.each(['SIGUSR1', 'SIGWINCH', 'SIGALRM', 'SIGHUP'] as const)(
    '%s is passed on, and ends nothing',
    async (signal) => {
      const wrapper = run(`process.on('${signal}', () => console.log('heard')); ${serverOf('up')}`);
      await wrapper.line('up');
      wrapper.child.kill(signal);
      await wrapper.line('heard');
      expect(wrapper.events()).toHaveLength(1);
    },
  );

  itWithSignals('SIGTSTP stops both, SIGCONT lets both go on', async () => {
    const wrapper = run(serverOf('up'));
    const { pid } = await wrapper.event('started');
    await wrapper.line('up');
    const states = () => [pid, wrapper.pid].map((each) => readFileSync(`/proc/${each}/stat`, 'latin1').split(' ')[2]);
    wrapper.child.kill('SIGTSTP');
    await until('both stopped', () => (states().join('') === 'TT' ? true : undefined));
    wrapper.child.kill('SIGCONT');
    await until('both going on', () => (states().includes('T') ? undefined : true));
  });

  itWithSignals('is heard while nothing runs: before the first build, and after an end', async () => {
    const before = startWrapper([], serve, { cwd: makePackage({}) });
    await before.event('waiting');
    expect(await before.end('SIGINT')).toEqual({ code: null, signal: 'SIGINT' });
    const after = run('process.exit(1)', '--on-exit', 'wait');
    await after.event('ended');
    expect(await after.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
  });

  itWithSignals('during a restart ends it: nothing is started any more', async () => {
    const root = packageOf(`process.on('SIGTERM', () => setTimeout(() => process.exit(), 700)); ${serverOf('one')}`);
    const wrapper = startWrapper([], serve, { cwd: root });
    await wrapper.line('one');
    wrapper.child.kill('SIGUSR2');
    await sleep(200);
    expect(await wrapper.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(wrapper.lines()).toHaveLength(1);
  });
});

describe('what ends the old process', () => {
  itWithSignals('is --stop-signal, and SIGKILL after --grace', async () => {
    const deaf = `process.on('SIGTERM', () => {}); process.on('SIGUSR1', () => console.log('asked')); ${serverOf('one')}`;
    const root = packageOf(deaf);
    const options = ['--stop-signal', 'usr1', '--grace', '300ms'];
    const wrapper = startWrapper(options, serve, { cwd: root });
    const { pid } = await wrapper.event('started');
    await wrapper.line('one');
    wrapper.child.kill('SIGUSR2');
    await wrapper.line('asked');
    expect(await wrapper.event('killed')).toMatchObject({ pid, graceMs: 300 });
    await wrapper.event('restarted');
    expect(isThere(pid as number)).toBe(false);
  });

  const heeds = (version: string) => `
    process.on('message', (said) => {
      if (said !== 'shutdown') return;
      console.log('asked', ${JSON.stringify(version)});
      setTimeout(() => process.exit(3), 200);
    });
    ${serverOf(version)}`;

  it('is the message "shutdown" with --stop-signal message, which the wrapper hears too', async () => {
    const root = packageOf(heeds('one'));
    const wrapper = startWrapper(['--stop-signal', 'message', '--verbose'], serve, { cwd: root, ipc: true });
    const { pid } = await wrapper.event('started');
    await wrapper.loaded();
    writeFileSync(join(root, 'dist/server.js'), heeds('two'));
    await wrapper.line('asked one');
    await wrapper.event('restarted');
    expect(wrapper.events('killed')).toEqual([]);
    expect(isThere(pid as number)).toBe(false);
    await wrapper.line('two');
    wrapper.child.send('shutdown');
    expect(await wrapper.end()).toEqual({ code: 3, signal: null });
    await wrapper.line('asked two');
  });

  it('is its end after --grace, where it does not heed the message', async () => {
    const root = packageOf(`process.on('message', () => {}); ${serverOf('one')}`);
    const wrapper = startWrapper(['--stop-signal', 'message', '--grace', '300ms', '--verbose'], serve, { cwd: root });
    const { pid } = await wrapper.event('started');
    await wrapper.loaded();
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    expect(await wrapper.event('killed')).toMatchObject({ pid, graceMs: 300 });
    await wrapper.event('restarted');
    expect(isThere(pid as number)).toBe(false);
  });

  itWithSignals('reaches a process that is stopped', async () => {
    const wrapper = run(serverOf('one'));
    const { pid } = await wrapper.event('started');
    await wrapper.line('one');
    process.kill(pid as number, 'SIGSTOP');
    wrapper.child.kill('SIGUSR2');
    const { tookMs } = await wrapper.event('restarted');
    expect(tookMs).toBeLessThan(5_000);
  });
});

describe('the command', () => {
  it('gets its words, directory, environment and stdin as they are', async () => {
    const script = `let input = '';
      process.stdin.on('data', (bytes) => (input += bytes)).on('end', () =>
        console.log(JSON.stringify({ words: process.argv.slice(2), cwd: process.cwd(), own: process.env.OWN, input })));`;
    const root = packageOf(script);
    const words = ['--', '--watch', 'a b', '', `'"$x`, 'ü', '--json=x', '-h'];
    const { code, stdout, stderr } = await distprint(['run', '--', ...serve, ...words], {
      cwd: root,
      env: { OWN: 'yes' },
      input: 'hello',
    });
    expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, words, cwd: root, own: 'yes', input: 'hello' });
    expect(stderr).toBe('distprint: it ended with exit status 0\n');
  });

  itOnPosix('gets words that are not UTF-8 byte by byte', async () => {
    const root = packageOf(`console.log(require('node:fs').readFileSync('/proc/self/cmdline').toString('hex'))`);
    const script = `exec "$@" "$(printf 'a\\377b')"`;
    const wrapper = startWrapper([], serve, { cwd: root, launcher: ['sh', '-c', script, 'sh'] });
    await wrapper.end();
    expect(wrapper.lines()[0]).toContain(Buffer.from([0x61, 0xff, 0x62, 0]).toString('hex'));
  });

  itOnPosix('has the exit status of a shell where it can not be started', async () => {
    const file = join(makeTemp(), 'program');
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '#!/no/such/interpreter\n');
    chmodSync(file, 0o755);
    const wrapper = startWrapper(['--watch', file], [file]);
    const { code } = await wrapper.end();
    expect([2, 126, 127]).toContain(code);
    expect(wrapper.stderr()).toContain(file);
  });
});

describe('bad input', () => {
  it.each([
    [['run'], 'missing required argument'],
    [['run', '--'], 'missing required argument'],
    [['run', 'node', 'x.js'], 'write -- before the command: distprint run -- node'],
    [['run', '--', 'no-such-command-here'], 'command not found'],
    [['run', '--watch', '.', '--', 'no-such-command-here'], 'command not found'],
    [['run', '--watch', '/', '--', 'node', 'x.js'], '--watch /'],
    [['run', '--', ...(isWindows ? ['cmd', '/c'] : ['npm', 'run']), 'x'], '--watch'],
    [['run', '--', ...(isWindows ? ['cmd', '/d', '/c'] : ['sh', '-c']), 'node x.js'], '--watch'],
    [['run', '--stop-signal', 'SIGNONE', '--', 'node', 'x.js'], '--stop-signal'],
    [['run', '--grace', 'soon', '--', 'node', 'x.js'], 'not a duration: "soon"'],
    [['run', '--restart', 'never', '--', 'node', 'x.js'], 'stop-first, start-first'],
    [['run', '--on-exit', 'panic', '--', 'node', 'x.js'], 'wait, exit, restart'],
    [['run', '--max-restarts', '0', '--', 'node', 'x.js'], '--max-restarts'],
    [['run', '--ready', '/(/', '--', 'node', 'x.js'], '--ready /(/'],
    [['run', '--json', '/no/such/folder/x', '--', 'node', 'x.js'], '--json /no/such/folder/x'],
    [['run', '--json', '77', '--', 'node', 'x.js'], '--json 77'],
  ])('%j is trouble: exit 2, nothing is started, and stderr says what is wrong', async (args, says) => {
    const cwd = makePackage({ 'x.js': 'console.log("started")' });
    const { code, stdout, stderr } = await distprint(args, { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
  });

  itOnPosix('is a port that another wrapper has: it says whose it is', async () => {
    const port = String(await findFreePort());
    const cwd = packageOf(serverOf('up'));
    const first = startWrapper(['--listen', port], serve, { cwd });
    await first.line('up');
    const { code, stderr } = await distprint(['run', '--listen', port, '--', ...serve], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(`--listen ${port}: it is in use by PID`);
  });
});

describe('the breaker', () => {
  it('holds restarts for content back, says so once, and then starts what is there last', async () => {
    const script = (i: number) =>
      `require('node:fs').writeFileSync('dist/count', String(Math.random())); ${serverOf(`v${i}`)}`;
    const root = packageOf(script(0));
    const wrapper = startWrapper(['--settle', '20ms', '--max-restarts', '4'], serve, { cwd: root });
    expect((await wrapper.event('held-back')).reason).toContain('--exclude');
    await sleep(700);
    expect(wrapper.events('restarted')).toHaveLength(4);
    expect(wrapper.events('held-back')).toHaveLength(1);
    if (isWindows) return;
    wrapper.child.kill('SIGUSR2'); // by hand it may be as often as one likes
    await wrapper.event('restarted', 5);
  });
});
