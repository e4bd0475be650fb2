import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { hasProgram, isPosix, needs } from '../../helpers/needs.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { sleep, until } from '../../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

const withScript = needs('script(1)', isPosix && hasProgram('script'));

/** As typed into a shell of a terminal; the exit status of the wrapper is that of script(1). */
function onTerminal(script: string, ...options: string[]) {
  const root = makePackage({ 'dist/server.js': script });
  const file = join(makeTemp(), 'line.sh');
  writeFileSync(file, `exec "$@"\n`);
  // script(1) takes one word for $SHELL, so the words behind it go through a file. With exec, none that is a shell hears of Ctrl-C.
  const launcher = ['sh', '-c', `exec script -qec "exec sh ${file} $(printf "'%s' " "$@")" /dev/null`, 'sh'];
  const wrapper = startWrapper(options, ['node', 'dist/server.js'], { cwd: root, launcher, env: { TERM: 'xterm' } });
  return { ...wrapper, root };
}

/** The same as a job of an interactive shell. */
function inShell(root: string) {
  const launcher = ['sh', '-c', 'exec script -qec "exec bash --norc -i" /dev/null # $*', 'sh'];
  const wrapper = startWrapper([], ['node', 'dist/server.js'], { cwd: root, launcher, env: { TERM: 'dumb', PS1: '' } });
  const line = wrapper.words.map((word) => `'${word}'`).join(' ');
  wrapper.type(`${line}\n`);
  return { wrapper, shell: wrapper.type };
}

const stat = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return { state: fields[0], parent: Number(fields[1]), group: fields[2], session: fields[3], foreground: fields[5] };
};

describe('distprint run on a terminal', () => {
  withScript('leaves the command in the foreground, with the terminal as its own', async () => {
    const script = `console.log('tty ' + process.stdin.isTTY + process.stdout.isTTY);
      process.stdin.setRawMode(true); process.stdin.on('data', (bytes) => console.log('key', bytes.toString('hex')));
      console.log('up', process.pid);`;
    const wrapper = onTerminal(script);
    const { pid } = await wrapper.event('started');
    await wrapper.line('tty truetrue');
    await wrapper.line('up');
    const { group, foreground } = stat(pid as number);
    expect(group).toBe(foreground);
    wrapper.type('\x03'); // in raw mode, Ctrl-C is a key
    await wrapper.line('key 03');
    wrapper.type('x');
    await wrapper.line('key 78');
    expect(wrapper.events()).toHaveLength(1);
  });

  withScript('Ctrl-C reaches the command once; when it ends, so does the wrapper, with its exit status', async () => {
    const script = `let heard = 0; process.on('SIGINT', () => { heard++; setTimeout(() => { console.log('heard ' + heard); process.exit(4); }, 300); });
      ${serverOf('up')}`;
    const wrapper = onTerminal(script);
    await wrapper.line('up');
    wrapper.type('\x03');
    await wrapper.line('heard 1');
    expect((await wrapper.end()).code).toBe(4);
  });

  withScript('Ctrl-C that the command lives on with ends nothing', async () => {
    const wrapper = onTerminal(`process.on('SIGINT', () => console.log('heard')); ${serverOf('one')}`);
    await wrapper.line('one');
    wrapper.type('\x03');
    await wrapper.line('heard');
    writeFileSync(join(wrapper.root, 'dist/server.js'), serverOf('two'));
    await wrapper.line('two');
  });

  withScript(
    'after its own end it waits: a change, or rs + Enter, start it again, and Ctrl-C ends the wrapper',
    async () => {
      const wrapper = onTerminal(`console.log('ran'); process.exit(1);`);
      expect(await wrapper.event('ended')).toMatchObject({ code: 1, next: 'wait' });
      wrapper.type('rs\n');
      expect(await wrapper.event('restarted')).toMatchObject({ why: 'by hand' });
      await wrapper.event('ended', 2);
      writeFileSync(join(wrapper.root, 'dist/server.js'), 'process.exit(2)');
      expect(await wrapper.event('ended', 3)).toMatchObject({ code: 2, next: 'wait' });
      wrapper.type('\x03');
      expect((await wrapper.end()).code).toBe(130);
    },
  );

  withScript("what is typed while a command runs is the command's, rs as well", async () => {
    const wrapper = onTerminal(
      `process.stdin.on('data', (bytes) => console.log('read', JSON.stringify(String(bytes)))); ${serverOf('up')}`,
    );
    await wrapper.line('up');
    wrapper.type('rs\n');
    await wrapper.line('read "rs\\n"');
    await sleep(300);
    expect(wrapper.events()).toHaveLength(1);
  });

  withScript('with --rs the terminal is ours, and rs restarts what runs', async () => {
    const script = `process.stdin.on('end', () => console.log('nothing to read')).resume(); ${serverOf('up')}`;
    const wrapper = onTerminal(script, '--rs');
    await wrapper.line('nothing to read');
    wrapper.type('what\nrs\n');
    expect(await wrapper.event('restarted')).toMatchObject({ why: 'by hand' });
    wrapper.type('rs\n');
    await wrapper.event('restarted', 2);
  });

  needs('script(1) and bash', isPosix && hasProgram('script') && hasProgram('bash'))(
    'Ctrl-Z stops both, fg lets both go on, and a background job is left alone',
    async () => {
      const root = makePackage({ 'dist/server.js': serverOf('up') });
      const { shell, wrapper } = inShell(root);
      const { pid } = await wrapper.event('started');
      await wrapper.line('up');
      const { parent } = stat(pid as number);
      const both = () => [stat(pid as number).state, stat(parent).state].join('');
      shell('\x1a');
      await until('both stopped', () => (both() === 'TT' ? true : undefined));
      shell('fg\n');
      await until('both going on', () => (both().includes('T') ? undefined : true));
      shell('\x1a');
      await until('both stopped', () => (both() === 'TT' ? true : undefined));
      shell('bg\n');
      await until('both going on', () => (both().includes('T') ? undefined : true));
      writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
      const { pid: next } = await wrapper.event('restarted');
      // Nobody has the terminal's SIGINT here, so one that comes is passed on.
      process.kill(parent, 'SIGINT');
      await until('the end of both', () => (isThere(next as number) || isThere(parent) ? undefined : true));
    },
  );

  withScript('puts the modes back after a command that was killed in raw mode', async () => {
    const script = `process.stdin.setRawMode(true); process.stdin.resume(); process.on('SIGTERM', () => {}); ${serverOf('one')}`;
    const wrapper = onTerminal(script, '--grace', '200ms');
    await wrapper.line('one');
    writeFileSync(
      join(wrapper.root, 'dist/server.js'),
      `console.log(require('node:child_process').execFileSync('stty', ['-a'], { stdio: ['inherit', 'pipe'] }).toString().match(/-?icanon/)[0], 'now'); ${serverOf('two')}`,
    );
    await wrapper.event('killed');
    expect(await wrapper.line('icanon now')).toBe('icanon now');
  });
});
