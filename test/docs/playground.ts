/**
 * A folder in which a reader could follow a page: distprint is installed there, as this working copy is built.
 */

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { plainEnv, repository, run } from '../helpers/run.ts';
import { makeTempToRemove } from '../helpers/temp.ts';

/** The compiled project (build-cli.ts). */
const project = join(dirname(inject('builtCli')), '../..');

/** To be removed by whoever made it. */
export function makePlayground(): string {
  const folder = makeTempToRemove();
  const bin = join(folder, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(project, join(folder, 'node_modules/distprint'));
  symlinkSync(join(repository, 'node_modules/typescript'), join(folder, 'node_modules/typescript'));
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  writeFileSync(join(bin, 'distprint'), `#!/bin/sh\nexec '${process.execPath}' '${inject('builtCli')}' "$@"\n`);
  chmodSync(join(bin, 'distprint'), 0o755);
  return folder;
}

export const playgroundEnv = (folder: string): NodeJS.ProcessEnv => ({
  ...plainEnv,
  HOME: folder,
  XDG_STATE_HOME: '',
  DISTPRINT_STATE_FILE: '',
  npm_config_update_notifier: 'false',
  PATH: `${join(folder, 'node_modules/.bin')}:${plainEnv.PATH}`,
});

/** What each command of a session prints, stdout and stderr as on a terminal, in one shell: a `cd` holds for what comes after. */
export async function runSession(folder: string, commands: readonly string[]): Promise<string[]> {
  const mark = '----8<----';
  const script = commands.map((command) => `${command}\nprintf '%s\\n' '${mark}'`).join('\n');
  writeFileSync(join(folder, '.session'), script);
  // bash, for it goes on after a command that is not there; what a session leaves in the background ends with it.
  const command = ['bash', '-c', 'exec 2>&1; . ./.session; kill $(jobs -p) 2>/dev/null; wait'];
  const { stdout } = await run(command, { cwd: folder, env: playgroundEnv(folder), timeout: 60_000 });
  return stdout.split(`${mark}\n`).slice(0, commands.length);
}
