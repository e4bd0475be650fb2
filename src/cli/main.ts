#!/usr/bin/env node
/**
 * The command line. Exit codes as diff(1) has them: 0 same, 1 different, 2 trouble (said on stderr).
 * @module
 */

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { statOrNothing } from '../disk/stat.ts';
import { writeFileAtomic } from '../disk/write-file.ts';
import { DistprintError, isDistprintError } from '../errors.ts';
import { type BuiltManifest, buildManifest } from '../manifest/build.ts';
import { diffManifests, isEmptyDiff, type ManifestDiff } from '../manifest/diff.ts';
import { looksLikeManifest, type Manifest, parseManifest, serializeManifest, toToken } from '../manifest/manifest.ts';
import { writeSeal } from '../manifest/seal.ts';
import { type CoverageOptions, toCoverageOptions } from '../scan/subject.ts';
import { parseDuration } from './duration.ts';
import { colorsFor, DIFFERENT, roundMs, SAME, TROUBLE, toDiffLines, toShownPath, toSumLine } from './output.ts';
import type { RunnerCliOptions } from './runner.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
const complain = (error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  // One line, whatever stands in a path or in what the system said, and nothing that a terminal would obey.
  const shown = message.replace(/\p{Cc}/gu, toShownPath);
  process.stderr.write(`distprint: ${colorsFor(process.stderr).red('error')}: ${shown}\n`);
  process.exitCode = TROUBLE;
};

interface GlobOptions {
  include?: string[];
  exclude?: string[];
}

function toCoverage({ include, exclude }: GlobOptions): CoverageOptions {
  return { ...(include && { include }), ...(exclude && { exclude }) };
}

async function fingerprint(paths: string[], options: GlobOptions & { json?: boolean }): Promise<void> {
  for (const path of paths) {
    const started = performance.now();
    let built: BuiltManifest;
    try {
      built = await buildManifest(path, toCoverage(options));
    } catch (error) {
      complain(error); // and go on with the other paths, as sha256sum does
      continue;
    }
    print(
      options.json
        ? JSON.stringify(toReport(path, built, performance.now() - started))
        : toSumLine(built.fingerprint, path),
    );
  }
}

function toReport(path: string, built: BuiltManifest, elapsedMs: number) {
  const { kind, name, version, fingerprint, entries, bytes } = built;
  const token = toToken(fingerprint);
  return { path, kind, name, version, fingerprint, token, files: entries.length, bytes, elapsedMs: roundMs(elapsedMs) };
}

async function manifest(path: string, options: GlobOptions & { output?: string }): Promise<void> {
  const text = serializeManifest(await buildManifest(path, toCoverage(options)));
  if (options.output === undefined) process.stdout.write(text);
  else await writeFileAtomic(options.output, text);
}

async function diff(a: string, b: string, options: { json?: boolean }): Promise<void> {
  // A manifest file says what it covers, and the other side is then built to cover the same.
  const files = [a, b].map((path) => (isManifestFile(path) ? readManifest(path) : undefined));
  const sides = await Promise.all([a, b].map(async (path, i) => files[i] ?? build(path, files[1 - i])));
  report(sides[0] as Manifest, sides[1] as Manifest, options);
}

async function verify(path: string, options: { manifest: string; json?: boolean }): Promise<void> {
  const expected = readManifest(options.manifest);
  report(expected, await build(path, expected), options);
}

async function seal(path: string, options: GlobOptions): Promise<void> {
  const { file, manifest } = await writeSeal(path, toCoverage(options));
  print(toSumLine(manifest.fingerprint, file));
}

function build(path: string, like: Manifest | undefined): Promise<Manifest> {
  return buildManifest(path, like && toCoverageOptions(like));
}

/** Prints what leads from `a` to `b`, and sets the exit code. */
function report(a: Manifest, b: Manifest, options: { json?: boolean }): void {
  const found: ManifestDiff = diffManifests(a, b);
  const same = isEmptyDiff(found);
  if (options.json) print(JSON.stringify({ same, from: a.fingerprint, to: b.fingerprint, ...found }));
  else for (const line of toDiffLines(found)) print(line);
  process.exitCode = same ? SAME : DIFFERENT;
}

/** Only the first bytes are read: it may as well be an executable of 142 MB. */
function isManifestFile(path: string): boolean {
  if (!statOrNothing(path)?.isFile()) return false;
  const start = Buffer.alloc(32);
  const fd = openSync(path, 'r');
  try {
    return looksLikeManifest(start.toString('latin1', 0, readSync(fd, start)));
  } finally {
    closeSync(fd);
  }
}

function readManifest(path: string): Manifest {
  try {
    return parseManifest(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path)));
  } catch (error) {
    const at = isDistprintError(error) && error.line !== undefined ? { line: error.line } : {};
    throw new DistprintError('ERR_DISTPRINT_MANIFEST', `${path}: ${(error as Error).message}`, {
      path,
      cause: error,
      ...at,
    });
  }
}

const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];
const count = (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new DistprintError('ERR_DISTPRINT_OPTION', `--beats: ${JSON.stringify(text)} is no whole number above 0`);
};

function createProgram(version: string): Command {
  const program = new Command('distprint')
    .description('Tells by content, never by mtime, what is installed and whether it changed.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(distprint --help tells more)')
    .addHelpText('after', HELP);

  const withGlobs = (command: Command) =>
    command
      .option('--include <glob>', 'cover what matches, in place of the usual files (repeatable)', collect)
      .option('--exclude <glob>', 'leave out what matches (repeatable)', collect);

  withGlobs(program.command('fingerprint', { isDefault: true }))
    .description('print the fingerprint of each path')
    .argument('<path...>', 'package directories, executables or plain directories')
    .option('--json', 'one JSON object a line')
    .action(fingerprint);

  withGlobs(program.command('manifest'))
    .description('print the manifest: the hash of each file that counts, and the fingerprint')
    .argument('<path>')
    .option('-o, --output <file>', 'write it to a file instead')
    .action(manifest);

  program
    .command('diff')
    .description('say what leads from <a> to <b>: A added, D removed, M changed')
    .argument('<a>', 'a package directory, an executable, or a manifest file')
    .argument('<b>', 'likewise')
    .option('--json', 'one JSON object')
    .action(diff);

  program
    .command('verify')
    .description('say how <path> differs from a manifest')
    .argument('<path>')
    .requiredOption('--manifest <file>', 'the manifest to hold it against')
    .option('--json', 'one JSON object')
    .action(verify);

  withGlobs(program.command('seal'))
    .description('write a manifest into a package, at build time: a copy of it then knows when it is whole')
    .argument('<path>')
    .action(seal);

  withGlobs(program.command('watch'))
    .description('look again and again, and say what became of what was there at the start')
    .argument('<path>')
    .addOption(
      new Option('--interval <duration>', 'time from one beat to the next: 500ms, 10s, 2m; a bare number is seconds')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option('--beats <n>', 'end after so many beats', count)
    .option('--json', 'one JSON object a line')
    .action(async (path: string, options: GlobOptions & { interval: number; beats?: number; json?: boolean }) =>
      (await import('./watch.ts')).watch(path, { ...options, coverage: toCoverage(options) }),
    );

  const withState = (command: Command) =>
    command
      .option(
        '--state <file>',
        "the runner's state file (default: $DISTPRINT_STATE_FILE, else ~/.local/state/distprint/runner.state.json)",
      )
      .option('--json', 'one JSON object');

  withState(program.command('status'))
    .description('say which runner runs, on what, and what became of new code')
    .action(async (options: RunnerCliOptions) => (await import('./runner.ts')).status(options));

  withState(program.command('doctor'))
    .description('say how the runner that runs would move to new code, why so, and what you can do')
    .action(async (options: RunnerCliOptions) => (await import('./runner.ts')).doctor(options));
  return program;
}

const HELP = `
Examples:
  distprint node_modules/typescript              one line: fingerprint, two spaces, path
  distprint manifest . -o release.manifest       what was built, to keep beside it
  distprint verify . --manifest release.manifest is it still that?
  distprint diff old/ new/                       what a new release changes
  distprint watch node_modules/typescript        a beat every 10 s; touch all of it and nothing happens

  distprint status                               does the runner run what is installed?

Exit codes: 0 same, 1 different (diff, verify; status: no runner, or one on old code; doctor: it stays on old code), 2 trouble (doctor: no runner).`;

async function main(): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(); // whoever read our output has had enough
  });
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  try {
    await createProgram(version).parseAsync();
  } catch (error) {
    // Commander has already said what was wrong with the arguments, or printed the help that was asked for.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? SAME : TROUBLE;
    else complain(error);
  }
}

await main();
