/**
 * What the command line prints, and how it shows things to people.
 * @module
 */

import picocolors from 'picocolors';
import { writeText } from '../disk/raw-path.ts';
import { type FileDifference, isEmptyDiff, type ManifestDiff } from '../manifest/diff.ts';
import { isWindows, toNativePath } from '../platform/paths.ts';
import { escapeControls, toJsonLine } from '../runner/log.ts';

/** Exit codes, as diff(1) has them. */
export const SAME = 0;
export const DIFFERENT = 1;
export const TROUBLE = 2;

/** Colours are for a terminal, or if forced. picocolors alone also colours pipes if `CI` is set. */
export const colorsFor = (stream: { isTTY?: boolean }) =>
  picocolors.createColors(picocolors.isColorSupported && (stream.isTTY === true || !!process.env.FORCE_COLOR));

/** For stdout. */
export const colors = colorsFor(process.stdout);

export const print = (line: string) => void process.stdout.write(`${line}\n`);

/** One object a line. */
export const printJson = (value: unknown) => print(toJsonLine(value));

/** Says on stderr, in one line, what went wrong, and sets the exit code. */
export function complain(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`distprint: ${colorsFor(process.stderr).red('error')}: ${escapeControls(message)}\n`);
  process.exitCode = TROUBLE;
}

export const VERDICT_COLOURS = {
  current: colors.green,
  settling: colors.yellow,
  changed: colors.red,
  missing: colors.magenta,
};

/**
 * As sha256sum prints it: a path that holds a newline or a backslash is escaped, and its line starts with a backslash. On Windows a
 * backslash is a separator, and stays as it is.
 */
export function toSumLine(digest: string, path: string): string {
  if (isWindows) return `${digest}  ${toNativePath(path)}`;
  const escaped = path.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/\r/g, '\\r');
  return `${escaped === path ? '' : '\\'}${digest}  ${escaped}`;
}

/** A path, name or version, safe on a terminal and safe to tell from another. */
export const toShown = (text: string) => {
  const written = writeText(text);
  return isWindows ? written.replaceAll('\\\\', '\\') : written; // most likely a separator
};

const toVersionLine = ({ from, to }: { from: string | null; to: string | null }) =>
  `version ${toShown(from ?? 'none')} -> ${toShown(to ?? 'none')}`;

/** A line for each difference, like `git diff --name-status`. */
export function toDiffLines(diff: ManifestDiff): string[] {
  return [
    ...(diff.version === null ? [] : [toVersionLine(diff.version)]),
    ...diff.added.map((path) => colors.green(`A  ${escapeControls(path)}`)),
    ...diff.removed.map((path) => colors.red(`D  ${escapeControls(path)}`)),
    ...diff.changed.map((path) => colors.yellow(`M  ${escapeControls(path)}`)),
  ];
}

/** A diff in a few words: `version 5.8.3 -> 5.9.3, 3 added, 1 changed`. */
export function toDiffSummary(diff: ManifestDiff): string {
  if (isEmptyDiff(diff)) return 'no difference';
  const count = (paths: readonly string[], what: string) => (paths.length === 0 ? [] : [`${paths.length} ${what}`]);
  const only = [...diff.added, ...diff.removed, ...diff.changed];
  return [
    ...(diff.version === null ? [] : [toVersionLine(diff.version)]),
    ...count(diff.added, 'added'),
    ...count(diff.removed, 'removed'),
    ...count(diff.changed, 'changed'),
    ...(only.length === 1 ? [only[0] as string] : []),
  ].join(', ');
}

/** The same with contents, as far as they tell one from another. */
export function toFileLine({ path, from, to }: FileDifference): string {
  const shown = escapeControls(path);
  if (from === null) return `${colors.green(`A  ${shown}`)}  ${shortenContent(to)}`;
  if (to === null) return `${colors.red(`D  ${shown}`)}  ${shortenContent(from)}`;
  return `${colors.yellow(`M  ${shown}`)}  ${shortenContent(from)} -> ${shortenContent(to)}`;
}

/** Half of a hash; what has none is named. */
const shortenContent = (content: string | null) =>
  escapeControls(content ?? '').replace(/[\da-f]{16}$/, (hash) => hash.slice(0, 8));

export function toSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export const toMs = (elapsedMs: number) => `${elapsedMs < 10 ? elapsedMs.toFixed(2) : elapsedMs.toFixed(1)} ms`;

/** Milliseconds for a program to read, to the microsecond. */
export const roundMs = (elapsedMs: number) => Math.round(elapsedMs * 1000) / 1000;
