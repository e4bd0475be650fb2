/**
 * Asks launchd whether it starts this process again. Sources: launchd.plist(5), launchctl(1), plutil(1) of macOS 14.
 * @module
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 5_000;

/** The job of launchd that this process is of. */
export interface LaunchdJob {
  readonly kind: 'launchd';
  /** After an exit with the status in question; null where that can't be told. */
  readonly restarts: boolean | null;
  /** `ThrottleInterval`, in milliseconds: a process that ends sooner is started again only when so much time has passed since its start. */
  readonly minimumRunMs: number;
}

/** launchd.plist(5). */
const USUAL_MINIMUM_RUN_MS = 10_000;

/**
 * The job whose process this is. Undefined where it is of none. launchd takes in orphans too, and the variable is inherited: it is `0` in
 * a terminal.
 */
export async function findLaunchdJob(env: NodeJS.ProcessEnv, status: number): Promise<LaunchdJob | undefined> {
  const { XPC_SERVICE_NAME: label = '0' } = env;
  if (process.ppid !== 1 || label === '0') return undefined;
  const uid = process.getuid?.();
  for (const domain of [`gui/${uid}`, `user/${uid}`, 'system']) {
    const job = await ask('/bin/launchctl', 'print', `${domain}/${label}`).then(parseJob, () => undefined);
    if (job?.pid !== process.pid) continue;
    const { plist, minimumRunMs } = job;
    return { kind: 'launchd', restarts: plist === undefined ? null : await readRestarts(plist, status), minimumRunMs };
  }
  return { kind: 'launchd', restarts: null, minimumRunMs: USUAL_MINIMUM_RUN_MS }; // it could not be asked
}

const ask = async (file: string, ...words: string[]): Promise<string> =>
  (await run(file, words, { timeout: TIMEOUT_MS })).stdout;

interface Printed extends Pick<LaunchdJob, 'minimumRunMs'> {
  /** NaN where it does not run. */
  readonly pid: number;
  readonly plist: string | undefined;
}

/** @param text of `launchctl print DOMAIN/LABEL`. What is indented once is the job's own. */
export function parseJob(text: string): Printed {
  const get = (name: string) => new RegExp(`^\\t${name} = (.+)$`, 'm').exec(text)?.[1];
  const path = get('path');
  const seconds = Number(get('minimum runtime') ?? Number.NaN);
  return {
    pid: Number(get('pid')),
    plist: path?.startsWith('/') ? path : undefined,
    minimumRunMs: Number.isNaN(seconds) ? USUAL_MINIMUM_RUN_MS : seconds * 1_000,
  };
}

async function readRestarts(plist: string, status: number): Promise<boolean | null> {
  try {
    await ask('/usr/bin/plutil', '-lint', plist);
  } catch {
    return null; // it can't be read
  }
  const keepAlive = await ask('/usr/bin/plutil', '-extract', 'KeepAlive', 'xml1', '-o', '-', plist).catch(() => '');
  return doesKeepAlive(keepAlive, status);
}

/**
 * Whether a job is started again after an exit with this status. Of several conditions, one is enough.
 * @param xml the value of `KeepAlive`; empty where the job has none
 */
export function doesKeepAlive(xml: string, status: number): boolean | null {
  const value = /<plist[^>]*>\s*([\s\S]*?)\s*<\/plist>/.exec(xml)?.[1] ?? '';
  if (value === '' || value === '<false/>') return false;
  if (value === '<true/>') return true;
  const conditions = [...value.matchAll(/<key>([^<]*)<\/key>\s*(<true\/>|<false\/>|<dict>[\s\S]*?<\/dict>)/g)];
  const answers = conditions.map(([, name, is]) => {
    if (name === 'SuccessfulExit') return (is === '<true/>') === (status === 0);
    if (name === 'Crashed') return is === '<false/>'; // an exit is no crash
    return null; // NetworkState, PathState, OtherJobEnabled: who knows how it will be then
  });
  return answers.includes(true) ? true : answers.includes(null) || answers.length === 0 ? null : false;
}
