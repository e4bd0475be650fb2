import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toUnit } from '../../../src/runner/supervisor/systemd.ts';
import { built } from '../../helpers/built.ts';
import { isRoot, onlyWith, succeeds } from '../../helpers/needs.ts';
import { plainEnv, run } from '../../helpers/run.ts';
import { makeDirectory } from '../../helpers/temp.ts';

/** The unit of a service, from what `systemctl show` says of it. The defaults are systemd's. */
function unitOf(properties: Record<string, string> = {}, status = 75) {
  const defaults = { MainPID: '42', Restart: 'no', NotifyAccess: 'none', PIDFile: '', SuccessExitStatus: '' };
  const lists = { RestartPreventExitStatus: '', RestartForceExitStatus: '' };
  return toUnit('a.service', false, new Map(Object.entries({ ...defaults, ...lists, ...properties })), status);
}

describe('what systemd says of a unit', () => {
  it('is kept as it is said', () => {
    expect(unitOf({ Restart: 'on-failure', PIDFile: '/run/a b.pid' })).toEqual({
      unit: 'a.service',
      ofUser: false,
      mainPid: 42,
      restarts: true,
      restart: 'on-failure',
      adoption: 'pidfile',
      pidFile: '/run/a b.pid',
    });
  });

  it('may be nothing: then it restarts nothing and follows nobody', () => {
    expect(toUnit('a.service', true, new Map(), 75)).toMatchObject({ restarts: false, adoption: null, pidFile: null });
  });
});

/** systemd.service(5), the table "Exit causes and the effect of the Restart= settings", and the three lists. */
describe('whether it is started again', () => {
  it.each<[Record<string, string>, { after0: boolean; after75: boolean }]>([
    [{}, { after0: false, after75: false }],
    [{ Restart: 'always' }, { after0: true, after75: true }],
    [{ Restart: 'on-failure' }, { after0: false, after75: true }],
    [{ Restart: 'on-success' }, { after0: true, after75: false }],
    [{ Restart: 'on-abnormal' }, { after0: false, after75: false }],
    [{ Restart: 'on-abort' }, { after0: false, after75: false }],
    [{ Restart: 'on-watchdog' }, { after0: false, after75: false }],
    [
      { Restart: 'on-failure', SuccessExitStatus: '75' },
      { after0: false, after75: false },
    ],
    [
      { Restart: 'on-failure', SuccessExitStatus: '7 143 TERM' },
      { after0: false, after75: true },
    ],
    [
      { Restart: 'on-success', SuccessExitStatus: '3 75' },
      { after0: true, after75: true },
    ],
    [
      { Restart: 'always', RestartPreventExitStatus: '75' },
      { after0: true, after75: false },
    ],
    [
      { Restart: 'always', RestartPreventExitStatus: '0 1 KILL' },
      { after0: false, after75: true },
    ],
    [
      { Restart: 'no', RestartForceExitStatus: '75' },
      { after0: false, after75: true },
    ],
    [
      { Restart: 'no', RestartForceExitStatus: '75', RestartPreventExitStatus: '75' },
      { after0: false, after75: false },
    ],
    [
      { Restart: 'no', RestartForceExitStatus: '175 5' },
      { after0: false, after75: false },
    ],
  ])('%j', (properties, { after0, after75 }) => {
    expect(unitOf(properties, 0).restarts).toBe(after0);
    expect(unitOf(properties, 75).restarts).toBe(after75);
  });
});

describe('how it can be made to follow a replacement', () => {
  it.each<[Record<string, string>, 'notify' | 'pidfile' | null]>([
    [{}, null],
    [{ NotifyAccess: 'all' }, 'notify'],
    [{ NotifyAccess: 'main' }, isRoot ? 'notify' : null],
    [{ NotifyAccess: 'exec' }, isRoot ? 'notify' : null],
    [{ PIDFile: '/run/a.pid' }, 'pidfile'],
    [{ NotifyAccess: 'all', PIDFile: '/run/a.pid' }, 'notify'],
    [{ NotifyAccess: 'none', PIDFile: '/run/a.pid' }, 'pidfile'],
  ])('%j: %s', (properties, adoption) => {
    expect(unitOf(properties).adoption).toBe(adoption);
  });
});

const isNamespaced = isRoot && succeeds('unshare', '-m', 'true');
const inNamespace = onlyWith('a mount namespace, as root', isNamespaced);

/**
 * Asks in a process of its own, whose cgroup is a service's. No systemd runs here, so `systemctl` is a script that says what the real
 * one would of a unit with this main process. The real one is asked in test/supervisors.
 */
async function askIn(cgroup: string, mainPid: (pid: number) => number, env: NodeJS.ProcessEnv): Promise<unknown> {
  const folder = makeDirectory({ cgroup: `${cgroup}\n`, systemctl: '#!/bin/sh\ncat "$(dirname "$0")/shown"\n' });
  chmodSync(join(folder, 'systemctl'), 0o755);
  const source = `
    import { writeFileSync } from 'node:fs';
    import { findSystemdUnit } from ${JSON.stringify(built('runner/supervisor/systemd.js'))};
    const mainPid = (${mainPid})(process.pid);
    writeFileSync(${JSON.stringify(join(folder, 'shown'))}, 'MainPID=' + mainPid + '\\nRestart=always\\n');
    console.log(JSON.stringify((await findSystemdUnit(75)) ?? null));
  `;
  const script = 'mount --bind "$1/cgroup" /proc/$$/cgroup && exec "$2" --input-type=module -e "$3"';
  const command = ['unshare', '-m', 'sh', '-c', script, 'sh', folder, process.execPath, source];
  const path = `${folder}:${process.env.PATH}`;
  const { stdout, stderr } = await run(command, { env: { ...plainEnv, ...NOT_INHERITED, PATH: path, ...env } });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const NOT_INHERITED = { SYSTEMD_EXEC_PID: undefined, INVOCATION_ID: undefined };
const INHERITED = { SYSTEMD_EXEC_PID: '42', INVOCATION_ID: '0'.repeat(32) };
const SERVICE = '0::/system.slice/a.service';
const me = (pid: number) => pid;
const another = (pid: number) => pid + 1;

describe('the unit of a process', () => {
  inNamespace('is the service whose cgroup it is in, and whose main process it is', async () => {
    expect(await askIn(SERVICE, me, INHERITED)).toMatchObject({ unit: 'a.service', ofUser: false, restarts: true });
    const ofUser = '0::/user.slice/user-1000.slice/user@1000.service/app.slice/b.service';
    expect(await askIn(ofUser, me, INHERITED)).toMatchObject({ unit: 'b.service', ofUser: true });
  });

  inNamespace('is none if the service has another main process', async () => {
    expect(await askIn(SERVICE, another, INHERITED)).toBeNull();
  });

  inNamespace('is none in the cgroup of a session', async () => {
    expect(await askIn('0::/user.slice/user-1000.slice/session-1.scope', me, INHERITED)).toBeNull();
  });

  inNamespace('is none if no variable of systemd says so', async () => {
    expect(await askIn(SERVICE, me, {})).toBeNull();
  });
});
