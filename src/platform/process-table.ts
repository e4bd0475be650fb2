/**
 * All processes of a Windows, and who descends from whom.
 *
 * Nothing in Node lists them. wmic does, in a tenth of a second; where it is gone (Windows 11 24H2), PowerShell does. Both read the class
 * Win32_Process: https://learn.microsoft.com/windows/win32/cimwin32prov/win32-process
 * @module
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** As Date.now(). NaN where nobody tells it: Wine's wmic knows no dates. */
  readonly startedMs: number;
}

const SYSTEM = join(process.env.SystemRoot ?? 'C:\\Windows', 'System32');
const WMIC = join(SYSTEM, 'wbem/wmic.exe');
const POWERSHELL = join(SYSTEM, 'WindowsPowerShell/v1.0/powershell.exe');
const SCRIPT =
  'Get-CimInstance Win32_Process | ForEach-Object { "$($_.CreationDate.ToFileTimeUtc()) $($_.ParentProcessId) $($_.ProcessId)" }';
/** A machine under load takes seconds. */
const TIMEOUT_MS = 20_000;

/** The first that answers is asked from then on. */
let ways: readonly (() => Promise<ProcessEntry[]>)[] = [
  async () => parseWmic(await ask(WMIC, 'process', 'get', 'CreationDate,ParentProcessId,ProcessId')),
  async () => parsePowerShell(await ask(POWERSHELL, '-NoLogo', '-NoProfile', '-NonInteractive', '-Command', SCRIPT)),
  async () => parseWmic(await ask(WMIC, 'process', 'get', 'ParentProcessId,ProcessId')), // Wine's
];

/** None where nothing can be asked. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  for (const way of ways) {
    const found = await way();
    if (found.length === 0) continue;
    ways = [way];
    return found;
  }
  return [];
}

/** What it prints; nothing where it can't be started. */
async function ask(file: string, ...words: string[]): Promise<string> {
  const child = spawn(file, words, {
    cwd: SYSTEM, // else it would hold our working directory, which could not be renamed meanwhile
    stdio: ['ignore', 'pipe', 'ignore'],
    windowsHide: true,
    timeout: TIMEOUT_MS,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => chunks.push(bytes));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  await Promise.race([closed, delay(DRAIN_MS)]); // a service that was started meanwhile may have got the pipe too
  child.stdout.destroy();
  const bytes = Buffer.concat(chunks);
  return bytes.toString(bytes.length > 1 && bytes.readUInt16LE() === BYTE_ORDER_MARK ? 'utf16le' : 'latin1');
}

const DRAIN_MS = 500;
const BYTE_ORDER_MARK = 0xfeff;

/** @param text of `wmic process get CreationDate,ParentProcessId,ProcessId`: columns in that order, `20261128152000.123456+060` */
export function parseWmic(text: string): ProcessEntry[] {
  const lines = text.matchAll(/^(?:(\d{14}\.\d{6}[+-]\d{3})?[ \t]+)?(\d+)[ \t]+(\d+)\s*$/gm);
  return [...lines].map(([, date, parent, pid]) => ({
    pid: Number(pid),
    parent: Number(parent),
    startedMs: date === undefined ? Number.NaN : parseDate(date),
  }));
}

/** CIM_DATETIME: local time, and the minutes that it is ahead of UTC. */
function parseDate(date: string): number {
  const [, year, month, day, hour, minute, second, fraction, ahead] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{6})([+-]\d{3})$/.exec(date)?.map(Number) ?? [];
  const local = Date.UTC(year as number, (month as number) - 1, day, hour, minute, second);
  return local + (fraction as number) / 1000 - (ahead as number) * 60_000;
}

/** @param text of SCRIPT. Times are in units of 100 ns since 1601. Who has none is the system's own. */
export function parsePowerShell(text: string): ProcessEntry[] {
  return [...text.matchAll(/^(\d{18}) (\d+) (\d+)\s*$/gm)].map(([, time, parent, pid]) => ({
    pid: Number(pid),
    parent: Number(parent),
    startedMs: Number(BigInt(time as string) / 10_000n) - UNIX_EPOCH_MS,
  }));
}

/** 1970, in milliseconds since 1601. */
const UNIX_EPOCH_MS = 11_644_473_600_000;

/** A command's first process, or one that descends from it. */
export interface Relative extends ProcessEntry {
  /** By then it had ended, as Date.now(): whoever was started later is no child of it, but of another that has its PID. Infinity while it lives. */
  readonly endedMs: number;
}

/**
 * Those who descend from a process: who is known already, and whom a list shows. A parent's PID alone tells little: Windows gives it to
 * another soon, and leaves it with the children. So a child must have been started while its parent lived.
 * @param all a list. Where it is empty, it could not be had, and tells nothing
 * @param listedMs when it was asked for: Date.now()
 */
export function findDescendants(
  root: Relative,
  known: readonly Relative[],
  all: readonly ProcessEntry[],
  listedMs: number,
): Relative[] {
  const there = new Map(all.map((each) => [each.pid, each]));
  const found = known.map((one) => {
    const holder = there.get(one.pid);
    if (all.length === 0 || one.endedMs !== Infinity || isSame(one, holder)) return one;
    return { ...one, endedMs: Math.min(listedMs, holder?.startedMs ?? listedMs) };
  });
  for (let before = -1; before !== found.length; ) {
    before = found.length;
    for (const each of all) {
      const isKnown = found.some((one) => one.endedMs === Infinity && one.pid === each.pid);
      if (!isKnown && [root, ...found].some((one) => isChild(each, one))) found.push({ ...each, endedMs: Infinity });
    }
  }
  return found;
}

/** Without dates, a PID has to do. */
const isSame = (a: ProcessEntry, b: ProcessEntry | undefined) => b !== undefined && !isOther(a.startedMs, b.startedMs);
const isOther = (aMs: number, bMs: number) => aMs < bMs || aMs > bMs;

const isChild = ({ parent, startedMs }: ProcessEntry, of: Relative) =>
  parent === of.pid && !(startedMs < of.startedMs) && !(startedMs > of.endedMs);
