/**
 * Asks launchd whether it starts this process again. Sources: launchd.plist(5), launchctl(1), plutil(1) of macOS 14.
 * @module
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 5_000;

/** `restarts`: after an exit with the status in question; null where that can't be told. */
export interface LaunchdJob {
  readonly kind: 'launchd';
  readonly restarts: boolean | null;
}

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
    return { kind: 'launchd', restarts: job.plist === undefined ? null : await readRestarts(job.plist, status) };
  }
  return { kind: 'launchd', restarts: null }; // it could not be asked
}

const ask = async (file: string, ...words: string[]): Promise<string> =>
  (await run(file, words, { timeout: TIMEOUT_MS })).stdout;

/** @param text of `launchctl print DOMAIN/LABEL`. What is indented once is the job's own. */
export function parseJob(text: string): { readonly pid: number; readonly plist: string | undefined } {
  const get = (name: string) => new RegExp(`^\\t${name} = (.+)$`, 'm').exec(text)?.[1];
  const path = get('path');
  return { pid: Number(get('pid')), plist: path?.startsWith('/') ? path : undefined };
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
