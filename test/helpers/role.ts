import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { identifySelf, type ProcessId } from '../../src/platform/process-id.ts';
import type { OwnState, RunnerState } from '../../src/runner/index.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { fingerprintOf } from './manifest.ts';
import { makeState } from './runner.ts';

/** The process that runs this test: a runner that is alive, as far as its lock and its state tell. */
export const me: ProcessId = identifySelf(join(tmpdir(), 'test')) as ProcessId;
/** A process that has ended, whose PID is another's now. */
export const gone: ProcessId = { ...me, started: me.started.replace(/\w+$/, '0') };

export interface Written {
  holder?: ProcessId;
  generation?: number;
  own?: Partial<OwnState>;
  fields?: Partial<RunnerState>;
}

/** Writes the lock of a runner of the package at `root`, and its state. */
export function writeRole(
  stateFile: string,
  root: string,
  { holder = me, generation = 1, own, fields }: Written = {},
): void {
  mkdirSync(dirname(stateFile), { recursive: true });
  writeFileSync(`${lockBaseOf(stateFile)}.${generation}`, JSON.stringify(holder));
  const { pid, started } = holder;
  const about = { started, generation, path: root, fingerprint: own?.fingerprint ?? fingerprintOf(root) };
  const { distprint } = makeState({ ...about, coverage: { kind: 'package' }, ...own });
  writeFileSync(stateFile, JSON.stringify({ ...makeState(), pid, ...fields, distprint }));
}
