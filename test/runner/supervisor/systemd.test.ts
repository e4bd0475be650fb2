import { describe, expect, it } from 'vitest';
import { findSystemdUnit, toUnit } from '../../../src/runner/supervisor/systemd.ts';
import { isRoot } from '../../helpers/needs.ts';

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

describe('a process is in no unit', () => {
  it('where no variable of systemd says so', async () => {
    expect(await findSystemdUnit(75, {})).toBeUndefined();
  });

  it('whose main process it is, where it only inherited the variables', async () => {
    const inherited = { SYSTEMD_EXEC_PID: String(process.ppid), INVOCATION_ID: '0'.repeat(32) };
    expect(await findSystemdUnit(75, inherited).catch(() => 'it could not be asked')).toBeUndefined();
  });
});
