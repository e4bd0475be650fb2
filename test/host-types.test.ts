import { beforeAll, describe, expect, it } from 'vitest';
import { compile } from './helpers/compile.ts';
import { makeSharedTemp } from './helpers/tree.ts';

/** A host, typed as HAPI's callers are. What was an import of its own is the one line that differs. */
const HOST = `
import { getInstalledCliMtimeMs } from 'distprint/drop-in';

interface RunnerState {
  pid: number;
  httpPort: number;
  startTime: string;
  startedWithCliVersion: string;
  startedWithCliMtimeMs?: number;
  startedWithArgv?: string[];
  startedWithVersionHandoffDisabled?: boolean;
  lastHeartbeat?: string;
  runnerLogPath?: string;
}

export function snapshot(state: RunnerState): string {
  const startedWithCliMtimeMs = getInstalledCliMtimeMs();
  const next: RunnerState = {
    ...state,
    ...(typeof startedWithCliMtimeMs === 'number' ? { startedWithCliMtimeMs } : {}),
  };
  return JSON.stringify(next, null, 2);
}

export function hasDrifted(state: RunnerState): boolean {
  if (state.startedWithVersionHandoffDisabled) return false;
  const installed = getInstalledCliMtimeMs();
  if (typeof installed === 'number' && typeof state.startedWithCliMtimeMs === 'number') {
    return installed !== state.startedWithCliMtimeMs;
  }
  return false;
}

export function isRunnerCurrent(text: string): boolean {
  const state = JSON.parse(text) as RunnerState;
  return getInstalledCliMtimeMs() === state.startedWithCliMtimeMs;
}

/** It can be handed on as the function that it took the place of. */
export const probe: () => number | undefined = getInstalledCliMtimeMs;
export const keepAlive = (): { machineId: string; installedCliMtimeMs: number | undefined } => ({
  machineId: 'm',
  installedCliMtimeMs: getInstalledCliMtimeMs(),
});
`;

const PROBE = `
import { createInstalledCliProbe } from 'distprint/drop-in';
export const probes: (() => number | undefined)[] = [
  createInstalledCliProbe(),
  createInstalledCliProbe({ packageDir: '/opt/host' }),
  createInstalledCliProbe({ executable: process.execPath }),
];
`;

/** Each is one statement that must not compile. */
const WRONG = {
  'taken for a number that is always there': 'export const n: number = getInstalledCliMtimeMs();',
  'taken for a promise': 'export const n = getInstalledCliMtimeMs()?.then(String);',
  'given an argument': "export const n = getInstalledCliMtimeMs('/opt/host');",
  'compared with a text': "export const n = getInstalledCliMtimeMs() === 'xxh64-0';",
  'given an option that there is not': "export const p = createInstalledCliProbe({ directory: '/opt/host' });",
};

const temp = makeSharedTemp();
const imports = "import { createInstalledCliProbe, getInstalledCliMtimeMs } from 'distprint/drop-in';\n";
const wrongModules = Object.entries(WRONG).map(
  ([what, statement], i) => [what, `wrong${i}.ts`, imports + statement] as const,
);
let errors: Map<string, string[]>;

beforeAll(async () => {
  const modules = Object.fromEntries(wrongModules.map(([, name, text]) => [name, text]));
  errors = await compile(temp, { 'host.ts': HOST, 'probe.ts': PROBE, ...modules });
}, 60_000);

describe('to the compiler, the drop-in', () => {
  it("fits a host typed as HAPI's callers are", () => {
    expect(errors.get('host.ts')).toEqual([]);
  });

  it('can be bound to a package or an executable', () => {
    expect(errors.get('probe.ts')).toEqual([]);
  });

  it.each(wrongModules)('is an error where it is %s', (_, name) => {
    expect(errors.get(name)).toHaveLength(1);
  });

  it('brings no error of its own', () => {
    const others = [...errors].filter(([name]) => !/^(?:host|probe|wrong\d)\.ts$/.test(name));
    expect(others).toEqual([]);
  });
});
