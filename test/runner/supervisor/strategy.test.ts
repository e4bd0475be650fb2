import { describe, expect, it } from 'vitest';
import type { Supervisor } from '../../../src/runner/supervisor/find-supervisor.ts';
import {
  type Decision,
  decideStrategy,
  restBeforeExit,
  STRATEGIES,
  type Strategy,
} from '../../../src/runner/supervisor/strategy.ts';
import type { SystemdUnit } from '../../../src/runner/supervisor/systemd.ts';

const OLD_RUNTIME = 'this runtime has no process.execve';

const unit = (restart: string, restarts: boolean, adoption: SystemdUnit['adoption'] = null): Supervisor => ({
  kind: 'systemd',
  unit: {
    unit: 'a.service',
    ofUser: false,
    mainPid: 42,
    restart,
    restarts,
    adoption,
    pidFile: adoption === 'pidfile' ? '/run/a.pid' : null,
  },
});

const SUPERVISORS = {
  nobody: { kind: 'nobody' },
  unknown: { kind: 'unknown' },
  terminal: { kind: 'terminal' },
  parent: { kind: 'parent', name: 'bash 7' },
  container: { kind: 'container' },
  'systemd, Restart=no': unit('no', false),
  'systemd, Restart=on-failure': unit('on-failure', true),
  'systemd, Restart=always': unit('always', true),
  'systemd, Restart=no, NotifyAccess=all': unit('no', false, 'notify'),
  'systemd, Restart=on-failure, NotifyAccess=all': unit('on-failure', true, 'notify'),
  'systemd, Restart=no, PIDFile=': unit('no', false, 'pidfile'),
  'systemd, Restart=always, PIDFile=': unit('always', true, 'pidfile'),
  'systemd that cannot be asked': { kind: 'systemd', unit: null },
  'supervisord, restarts': { kind: 'supervisord', restarts: true },
  'supervisord, does not': { kind: 'supervisord', restarts: false },
  'supervisord, unknown': { kind: 'supervisord', restarts: null },
  'pm2, restarts': { kind: 'pm2', restarts: true },
  'pm2, does not': { kind: 'pm2', restarts: false },
  'pm2, unknown': { kind: 'pm2', restarts: null },
  'runit, restarts': { kind: 'runit', restarts: true },
  'runit, does not': { kind: 'runit', restarts: false },
  'runit, unknown': { kind: 'runit', restarts: null },
  's6, restarts': { kind: 's6', restarts: true },
  's6, does not': { kind: 's6', restarts: false },
  's6, unknown': { kind: 's6', restarts: null },
  'launchd, restarts': { kind: 'launchd', restarts: true, minimumRunMs: 10_000 },
  'launchd, does not': { kind: 'launchd', restarts: false, minimumRunMs: 10_000 },
  'launchd, unknown': { kind: 'launchd', restarts: null, minimumRunMs: 10_000 },
  'openrc, restarts': { kind: 'openrc', restarts: true },
  'openrc, unknown': { kind: 'openrc', restarts: null },
} as const satisfies Record<string, Supervisor>;

type Name = keyof typeof SUPERVISORS;
type Row = readonly [supervisor: Name, autoNow: Strategy, autoOnOld: Strategy, respawn: Strategy, exit: Strategy];

/**
 * What is decided, by supervisor: with `auto`, on a runtime that can replace the code in place and on one that can't;
 * and where `respawn` and `exit` are asked for, on either.
 */
const TABLE: readonly Row[] = [
  // supervisor                                         auto       auto, old  respawn    exit
  ['nobody', /*                                 */ 'respawn', 'respawn', 'respawn', 'none'],
  ['unknown', /*                                */ 'exec', /**/ 'none', /**/ 'respawn', 'exit'],
  ['terminal', /*                               */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['parent', /*                                 */ 'exec', /**/ 'none', /**/ 'respawn', 'exit'],
  ['container', /*                              */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['systemd, Restart=no', /*                    */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['systemd, Restart=on-failure', /*            */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['systemd, Restart=always', /*                */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['systemd, Restart=no, NotifyAccess=all', /*  */ 'respawn', 'respawn', 'respawn', 'none'],
  ['systemd, Restart=on-failure, NotifyAccess=all', 'respawn', 'respawn', 'respawn', 'exit'],
  ['systemd, Restart=no, PIDFile=', /*          */ 'respawn', 'respawn', 'respawn', 'none'],
  ['systemd, Restart=always, PIDFile=', /*      */ 'respawn', 'respawn', 'respawn', 'exit'],
  ['systemd that cannot be asked', /*          */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['supervisord, restarts', /*                  */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['supervisord, does not', /*                  */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['supervisord, unknown', /*                   */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['pm2, restarts', /*                          */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['pm2, does not', /*                          */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['pm2, unknown', /*                           */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['runit, restarts', /*                        */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['runit, does not', /*                        */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['runit, unknown', /*                         */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['s6, restarts', /*                           */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['s6, does not', /*                           */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['s6, unknown', /*                            */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['launchd, restarts', /*                      */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['launchd, does not', /*                      */ 'exec', /**/ 'none', /**/ 'none', 'none'],
  ['launchd, unknown', /*                       */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
  ['openrc, restarts', /*                       */ 'exec', /**/ 'exit', /**/ 'none', 'exit'],
  ['openrc, unknown', /*                        */ 'exec', /**/ 'none', /**/ 'none', 'exit'],
];

interface Case {
  readonly name: Name;
  readonly supervisor: Supervisor;
  readonly execBlocker: string | null;
  readonly wanted: Strategy | 'auto';
  readonly expected: Strategy;
}

const CASES: readonly Case[] = TABLE.flatMap(([name, autoNow, autoOnOld, respawn, exit]) =>
  [null, OLD_RUNTIME].flatMap((execBlocker) => {
    const expected = {
      auto: execBlocker === null ? autoNow : autoOnOld,
      exec: execBlocker === null ? 'exec' : 'none',
      respawn,
      exit,
      none: 'none',
    } as const;
    const toCase = (wanted: Strategy | 'auto') => ({
      name,
      supervisor: SUPERVISORS[name],
      execBlocker,
      wanted,
      expected: expected[wanted],
    });
    return (['auto', ...STRATEGIES] as const).map(toCase);
  }),
);

const decide = ({ supervisor, execBlocker, wanted }: Case): Decision =>
  decideStrategy(wanted, { supervisor, execBlocker, exitStatus: 75, leavesZombies: false });

describe('the strategy', () => {
  it('has a row in the table for every supervisor', () => {
    expect(TABLE.map(([name]) => name)).toEqual(Object.keys(SUPERVISORS));
  });

  it.each(CASES)('$name; $wanted is wanted; in place: $execBlocker: $expected', (each) => {
    const decision = decide(each);
    expect(decision.strategy).toBe(each.expected);
    expect(decision.supervisor).toBe(each.supervisor.kind);
  });
});

describe('on a platform without exec', () => {
  it.each(['terminal', 'unknown'] as const)('the advice to a process of %s names no runtime', (name) => {
    const facts = { supervisor: SUPERVISORS[name], execBlocker: 'no exec', exitStatus: 75, leavesZombies: false };
    const { strategy, advice } = decideStrategy('auto', { ...facts, hasExec: false });
    expect({ strategy, advice }).toEqual({ strategy: 'none', advice: expect.stringContaining('docs/windows.md') });
    expect(advice).not.toContain('Node >=');
  });
});

describe('with children that exec would leave as zombies', () => {
  it.each(TABLE)('under %s: the exit, where the supervisor starts it again and leaves them alone', (...row) => {
    const [name, autoNow, autoOnOld] = row;
    const supervisor: Supervisor = SUPERVISORS[name];
    const facts = { supervisor, execBlocker: null, exitStatus: 75, leavesZombies: true };
    const isExitBetter = autoOnOld === 'exit' && supervisor.kind !== 'systemd';
    const { strategy, reasons } = decideStrategy('auto', facts);
    expect(strategy).toBe(isExitBetter ? 'exit' : autoNow);
    expect(reasons.includes('after exec nobody would wait for the children that it has')).toBe(isExitBetter);
    expect(decideStrategy('exec', facts).strategy).toBe('exec');
  });
});

/** Who is known to start the process again after its exit, and of whom it cannot be told. The others do not. */
const RESTARTING: readonly Name[] = [
  'systemd, Restart=on-failure',
  'systemd, Restart=always',
  'systemd, Restart=on-failure, NotifyAccess=all',
  'systemd, Restart=always, PIDFile=',
  'supervisord, restarts',
  'pm2, restarts',
  'runit, restarts',
  's6, restarts',
  'openrc, restarts',
  'launchd, restarts',
];
const UNKNOWN: readonly Name[] = [
  'unknown',
  'parent',
  'container',
  'launchd, unknown',
  'systemd that cannot be asked',
  'supervisord, unknown',
  'pm2, unknown',
  'runit, unknown',
  's6, unknown',
  'openrc, unknown',
];

/** All decisions that there are. */
const ALL = CASES.map((each) => ({ ...each, decision: decide(each) }));

describe('whoever the supervisor, whatever is wanted', () => {
  const of = (strategy: Strategy) => ALL.filter(({ decision }) => decision.strategy === strategy);

  it('what is done is what was asked for, or nothing', () => {
    const asked = ALL.filter(({ wanted }) => wanted !== 'auto');
    expect(asked.length).toBeGreaterThan(0);
    for (const { wanted, decision } of asked) expect([wanted, 'none']).toContain(decision.strategy);
  });

  it('respawn under systemd is never chosen where systemd would not follow the replacement', () => {
    const supervisors = of('respawn').map(({ supervisor }) => supervisor);
    const underSystemd = supervisors.filter((supervisor) => supervisor.kind === 'systemd');
    expect(underSystemd.length).toBeGreaterThan(0);
    for (const { unit } of underSystemd) expect(unit?.adoption ?? null).not.toBeNull();
  });

  it('respawn is never chosen by itself where anybody may wait for this very process; asked for, it says that it would see its end', () => {
    const byItself = of('respawn').filter(({ wanted }) => wanted === 'auto');
    expect(byItself.length).toBeGreaterThan(0);
    for (const { supervisor } of byItself) expect(['nobody', 'systemd']).toContain(supervisor.kind);
    const asked = of('respawn').filter(({ supervisor }) => !['nobody', 'systemd'].includes(supervisor.kind));
    expect(asked.map(({ name }) => name)).toEqual(['unknown', 'unknown', 'parent', 'parent']);
    for (const { decision } of asked)
      expect(decision.reasons.join()).toMatch(/may wait for this process, and would see its end/);
  });

  it('exit is never chosen where nobody starts it again, and not by itself where that cannot be told', () => {
    expect(of('exit').length).toBeGreaterThan(0);
    for (const { name, wanted } of of('exit'))
      expect(wanted === 'auto' ? RESTARTING : [...RESTARTING, ...UNKNOWN]).toContain(name);
  });

  it('exec is never chosen where the runtime cannot do it', () => {
    expect(of('exec').length).toBeGreaterThan(0);
    for (const { execBlocker } of of('exec')) expect(execBlocker).toBeNull();
  });

  it('every decision names the supervisor and says why', () => {
    for (const { decision } of ALL) {
      expect(decision.reasons.length).toBeGreaterThanOrEqual(2);
      for (const reason of decision.reasons) expect(reason).toMatch(/^\S.*\S$/);
      expect(new Set(decision.reasons).size).toBe(decision.reasons.length);
    }
  });

  it('to stay on old code, unasked, comes with what the operator can do; nothing else does', () => {
    const stays = of('none').filter(({ wanted }) => wanted !== 'none');
    expect(stays.length).toBeGreaterThan(0);
    for (const { decision } of stays) expect(decision.advice).toMatch(/restart/);
    const others = ALL.filter((each) => !stays.includes(each));
    for (const { decision } of others) expect(decision.advice).toBeNull();
  });

  it('with auto, to stay on old code says of each way why it is closed', () => {
    const stays = of('none').filter(({ wanted }) => wanted === 'auto');
    expect(stays.length).toBeGreaterThan(0);
    for (const { decision, name } of stays) {
      const [, exec, respawn, exit] = decision.reasons;
      expect(exec).toBe(OLD_RUNTIME);
      expect(respawn).toMatch(/replacement|ends with this process|its end/);
      expect(exit).toContain(UNKNOWN.includes(name) ? "can't be told" : 'nobody would start it again');
    }
  });
});

describe('an exit under launchd', () => {
  const job = (minimumRunMs: number): Supervisor => ({ kind: 'launchd', restarts: true, minimumRunMs });
  it.each([
    ['waits for what is left of its ThrottleInterval', job(10_000), 3_000, 7_000],
    ['waits no longer than that', job(10_000), 10_000, 0],
    ['does not wait where it ran for long', job(10_000), 86_400_000, 0],
    ['waits as long as the job says', job(60_000), 15_000, 45_000],
    ['does not wait where the job has none', job(0), 10, 0],
  ])('%s', (_, supervisor, ranMs, restMs) => {
    expect(restBeforeExit(supervisor, ranMs)).toBe(restMs);
  });

  it('alone waits', () => {
    const others = Object.values<Supervisor>(SUPERVISORS).filter(({ kind }) => kind !== 'launchd');
    expect(others.map((supervisor) => restBeforeExit(supervisor, 0)).filter((restMs) => restMs !== 0)).toEqual([]);
  });
});
