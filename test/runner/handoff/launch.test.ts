/** What is launched again: the words that were typed, whatever the host made of `process.argv` before it imported the runner. */

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { built } from '../../helpers/built.ts';
import { onlyWith } from '../../helpers/needs.ts';
import { plainEnv, run } from '../../helpers/run.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';

const itOnLinux = onlyWith('Linux, which shows the words', process.platform === 'linux');

/** A CLI that does this before it imports the runner, and says how it would be launched again. */
const toCli = (before: string) => `
${before}
const { getLaunch } = await import(${JSON.stringify(built('runner/handoff/launch.js'))});
console.log(JSON.stringify({ argv: getLaunch().argv, cwd: getLaunch().cwd }));
`;

async function ask(before: string, words: readonly string[], cwd = makeTemp()) {
  writeTree(cwd, { 'package.json': { name: 'cli', type: 'module' }, 'cli.js': toCli(before) });
  const { stdout, stderr } = await run([process.execPath, ...words], { cwd, env: plainEnv });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as { argv: string[]; cwd: string };
}

describe('the words that are launched again', () => {
  itOnLinux.each([
    ['takes its sub-command off', 'process.argv.splice(2, 1)'],
    ['takes all off', 'process.argv.length = 2'],
    ['rewrites its arguments', "process.argv.splice(2, 1, 'other', '')"],
  ])('are those that were typed, where a CLI %s', async (_, before) => {
    const words = ['--no-warnings', './cli.js', 'start-sync', '--port', '', 'a b'];
    expect((await ask(before, words)).argv).toEqual([process.execPath, ...words]);
  });

  itOnLinux('are those that were typed, behind a link to the script', async () => {
    const folder = makeTemp();
    mkdirSync(join(folder, 'bin'));
    symlinkSync('../cli.js', join(folder, 'bin/cli'));
    const words = ['bin/cli', 'start-sync'];
    expect((await ask('process.argv.splice(2, 1)', words, folder)).argv).toEqual([process.execPath, ...words]);
  });

  itOnLinux('come from the runtime where a title has overwritten them, even one that begins like them', async () => {
    for (const title of ["'a title'", 'process.argv0']) {
      const { argv } = await ask(`process.title = ${title}`, ['--no-warnings', 'cli.js', 'start-sync', '']);
      expect(argv).toEqual([process.execPath, '--no-warnings', expect.stringMatching(/\/cli\.js$/), 'start-sync', '']);
    }
  });
});
