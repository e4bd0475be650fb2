import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { distprint } from './cli.ts';
import { type Written, writeRole } from './role.ts';
import { makeTemp } from './temp.ts';
import { makeSharedTemp, writePackage } from './tree.ts';
import { sleep } from './wait.ts';

/** State files for `distprint status` and `distprint doctor`, of a runner that runs what is installed unless said otherwise. */
export function makeStates() {
  const temp = makeSharedTemp();
  const installed = writePackage(join(temp, 'installed'), { 'dist/a.js': 'old' });
  beforeAll(() => sleep(2_100)); // so that it has settled

  const make = (written: Written = {}): string => {
    const stateFile = join(makeTemp(), 'state/runner.state.json');
    const fields = { lastHeartbeat: new Date().toISOString(), ...written.fields };
    writeRole(stateFile, installed, { ...written, fields });
    return stateFile;
  };
  const makeDamaged = (written: Written = {}): string => {
    const stateFile = make(written);
    writeFileSync(stateFile, '{');
    return stateFile;
  };
  return { installed, none: join(temp, 'none.json'), make, makeDamaged };
}

export const ask = (command: 'status' | 'doctor', stateFile: string, ...options: string[]) =>
  distprint([command, '--state', stateFile, ...options]);

export const OTHER = { fingerprint: 'another' };
export const OPTED_OUT = { handoffDisabled: true };
export const EXEC = { strategy: 'exec', supervisor: 'nobody', reasons: ['it can'], advice: null } as const;
export const NONE = {
  strategy: 'none',
  supervisor: 'container',
  reasons: ['it is PID 1', 'it cannot'],
  advice: 'restart it',
} as const;
export const HELD = { target: 'x', gate: 'back-off', reason: 'not again yet' } as const;
