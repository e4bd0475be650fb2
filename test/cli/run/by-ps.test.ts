/** `distprint run` where ps(1) alone tells of other processes, as on macOS and the BSDs. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asOn } from '../../helpers/by-ps.ts';
import { hasProgram, onlyWith } from '../../helpers/needs.ts';
import { makePackage } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../../helpers/wrapper.ts';

/** On macOS nothing has to be pretended. */
const it = onlyWith('Linux and ps', process.platform === 'linux' && hasProgram('ps'));

/** Starts one in a session of its own, which its environment alone shows to be the command's once that has ended. */
const leaves = (version: string) => `
const { pid } = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
console.log('left by ${version}', pid);
${serverOf(version)}`;

describe.each(['darwin', 'freebsd'] as const)('on %s, as ps tells it', (system) => {
  it.each(['stop-first', 'start-first'])('%s: each process ends with what it started', async (restart) => {
    const root = makePackage({ 'dist/server.js': leaves('one') });
    const options = ['--verbose', '--restart', restart];
    const wrapper = startWrapper(options, ['node', 'dist/server.js'], { cwd: root, env: asOn(system) });
    const pidsOf = async (event: string, version: string) => {
      const left = Number((await wrapper.line(`left by ${version}`)).split(' ').at(-1));
      return [(await wrapper.event(event)).pid as number, left];
    };
    const old = await pidsOf('started', 'one');
    await wrapper.loaded();
    writeFileSync(join(root, 'dist/server.js'), leaves('two'));
    const next = await pidsOf('restarted', 'two');
    expect(new Set([...old, ...next]).size).toBe(4);
    expect(next.map(isThere)).toEqual([true, true]);
    await until('the end of the old ones', () => (old.some(isThere) ? undefined : true));
    expect(await wrapper.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(next.map(isThere)).toEqual([false, false]);
  });
});
