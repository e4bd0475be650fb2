/**
 * The commands, their options and their help. Each command's code is loaded when it runs: Node opens all modules of an
 * import at once, and `ulimit -n` may be low.
 * @module
 */

import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { DistprintError } from '../errors.ts';
import { escapeControls } from '../runner/log.ts';
import type { BenchCliOptions } from './bench.ts';
import type { GlobOptions } from './coverage.ts';
import type { DiffCliOptions, VerifyCliOptions } from './diff.ts';
import type { FingerprintCliOptions } from './fingerprint.ts';
import type { ManifestCliOptions } from './manifest.ts';
import { collect, parseCount, parseDuration, parseShare, parseSignal } from './option-values.ts';
import type { RunOptions } from './run/prepare.ts';
import type { StateFileOptions } from './state-file.ts';
import type { StatusCliOptions } from './status.ts';
import type { WatchOptions } from './watch.ts';

/** What is meant where the first word is no command. */
const DEFAULT_COMMAND = 'fingerprint';

export function createProgram(): Command {
  const program = new Command('distprint')
    .description('Tells by content, never by mtime, what is installed and whether it changed.')
    .version(readVersion())
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`distprint: ${text.split('\n').map(escapeControls).join('\n')}`),
    })
    .showHelpAfterError('(distprint --help lists the commands)')
    .addHelpText('after', HELP);
  addFingerprint(program);
  addManifest(program);
  addDiff(program);
  addVerify(program);
  addSeal(program);
  addWatch(program);
  addRun(program);
  addBench(program);
  addStatus(program);
  addDoctor(program);
  addCompletion(program);
  return program;
}

function readVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

const HELP = `
Examples:
  distprint node_modules/typescript               print one line: fingerprint, two spaces, path
  distprint manifest . -o release.manifest        keep what was built, file by file
  distprint verify . --manifest release.manifest  is it still that?
  distprint diff old/ new/                        what does a new release change?
  distprint watch node_modules/typescript         look every 10 s; a touch changes nothing
  distprint run -- node dist/server.js            keep a command on the code that is built
  distprint bench .                               what does it cost, of a heartbeat of 10 s?
  distprint status                                does the runner run what is installed?

A first word that is no command is a path. For a path that is named like a command, type ./status.

Exit codes:
  0  same, or done
  1  different (diff, verify; for status and doctor, see their --help)
  2  trouble: stderr says what`;

/** A command whose errors point to its own help, and whose help ends with examples. */
function add(program: Command, name: string, help: string, options: { isDefault?: boolean } = {}): Command {
  return program
    .command(name, options)
    .showHelpAfterError(`(distprint ${name} --help shows examples)`)
    .addHelpText('after', `\n${help}`);
}

function addFingerprint(program: Command): void {
  withGlobs(
    add(
      program,
      DEFAULT_COMMAND,
      `Examples:
  distprint node_modules/typescript               the word fingerprint may be left out
  distprint fingerprint dist bin/tool --json      one JSON object a line
  distprint . --include 'lib/**' --exclude '**/*.map'

Exit codes: 0 done, 2 trouble with a path (the other paths are still printed).`,
      { isDefault: true },
    ),
  )
    .description('print the fingerprint of each path')
    .argument('<path...>', 'package directories, executables or plain directories')
    .option('--json', 'print one JSON object a line')
    .action(async (paths: string[], options: FingerprintCliOptions) =>
      (await import('./fingerprint.ts')).fingerprint(paths, options),
    );
}

function addManifest(program: Command): void {
  withGlobs(
    add(
      program,
      'manifest',
      `Examples:
  distprint manifest node_modules/typescript      print it
  distprint manifest . -o release.manifest        write it to a file, all at once

Exit codes: 0 done, 2 trouble.`,
    ),
  )
    .description('print the manifest: a hash for each file that counts, and the fingerprint')
    .argument('<path>', 'a package directory, an executable or a plain directory')
    .option('-o, --output <file>', 'write it to a file instead')
    .action(async (path: string, options: ManifestCliOptions) =>
      (await import('./manifest.ts')).manifest(path, options),
    );
}

function addDiff(program: Command): void {
  add(
    program,
    'diff',
    `Examples:
  distprint diff old/ new/                        A added, D removed, M changed
  distprint diff release.manifest .               a manifest file says what it covers; the other side covers the same

Exit codes: 0 same, 1 different, 2 trouble.`,
  )
    .description('print what changed from <a> to <b>')
    .argument('<a>', 'a package directory, an executable, a plain directory or a manifest file')
    .argument('<b>', 'likewise')
    .option('--json', 'print one JSON object')
    .action(async (a: string, b: string, options: DiffCliOptions) => (await import('./diff.ts')).diff(a, b, options));
}

function addVerify(program: Command): void {
  add(
    program,
    'verify',
    `Example:
  distprint manifest . -o release.manifest && distprint verify . --manifest release.manifest

Exit codes: 0 same, 1 different, 2 trouble.`,
  )
    .description('print how <path> differs from a manifest')
    .argument('<path>', 'a package directory, an executable or a plain directory')
    .requiredOption('--manifest <file>', 'the manifest to compare with')
    .option('--json', 'print one JSON object')
    .action(async (path: string, options: VerifyCliOptions) => (await import('./diff.ts')).verify(path, options));
}

function addSeal(program: Command): void {
  withGlobs(
    add(
      program,
      'seal',
      `Example:
  npm run build && distprint seal .               the last step of a build

Exit codes: 0 done, 2 trouble.`,
    ),
  )
    .description('write a manifest into a package after its build, so that a copy can tell whether it is whole')
    .argument('<path>', 'a package directory or a plain directory')
    .action(async (path: string, options: GlobOptions) => (await import('./seal.ts')).seal(path, options));
}

function addWatch(program: Command): void {
  withGlobs(
    add(
      program,
      'watch',
      `Examples:
  distprint watch node_modules/typescript         look every 10 s until Ctrl-C
  distprint watch . --interval 2s --beats 30      look 30 times
  distprint watch . --json                        one JSON object a beat; the start is beat 0

Verdicts:
  current   what is there has the content of the start
  settling  something is changing, or cannot be read; no conclusion yet
  changed   settled, complete, and different
  missing   nothing is there

Each line has its time. A beat that says nothing new and reads no file has no line; on a terminal it takes the place of the last one.

Exit codes: 0 ended by a signal or by --beats, 2 trouble at the start.`,
    ),
  )
    .description('look again and again, and say what became of what was there at the start')
    .argument('<path>', 'a package directory, an executable or a plain directory')
    .addOption(
      new Option('--interval <duration>', 'time from one beat to the next: 500ms, 10s, 2m; a bare number is seconds')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option('--beats <n>', 'end after so many beats', (text) => parseCount('--beats', text))
    .option('--json', 'print one JSON object for each beat')
    .action(async (path: string, options: WatchOptions) => (await import('./watch.ts')).watch(path, options));
}

function addRun(program: Command): void {
  const duration = (flags: string, text: string) => new Option(`${flags} <duration>`, text).argParser(parseDuration);
  withGlobs(
    add(
      program,
      'run',
      `Examples:
  distprint run -- node dist/server.js            beside tsc -w, esbuild --watch, vite build --watch
  distprint run --watch dist -- npm run serve     where the command does not tell what it runs
  distprint run --restart start-first --listen 4000 --ready http://:4000/health -- node dist/server.js
  distprint run --quiet --json events.jsonl -- node dist/server.js

It is started anew when the content of what is watched is another, complete and quiet; a touch or the same bytes again restart nothing.
By hand: kill -USR2 the process of distprint; on a terminal, while no command runs, also rs + Enter.

Exit codes: those of the command, also by signal; 2 trouble before the start.`,
    ),
  )
    .description('run a command, and start it anew when the code that it runs has changed')
    .argument('<command...>', 'after --: the command and its arguments, which reach it as they are')
    .option('--watch <path>', 'watch this, and not the package of the command (repeatable)', collect)
    .addOption(
      duration(
        '--settle',
        "how long it must be quiet (default: 200ms for a project's own build, 2s in node_modules and for an executable)",
      ),
    )
    .addOption(duration('--interval', 'look at least so often; events make it look sooner').default(10_000, '10s'))
    .addOption(
      new Option('--restart <way>', 'stop the old one first, or start the new one beside it and wait until it is ready')
        .choices(['stop-first', 'start-first'])
        .default('stop-first'),
    )
    .option(
      '--listen <address>',
      'open a socket and hand it on as systemd does: 4000, host:4000, /path (repeatable)',
      collect,
    )
    .option('--ready <sign>', 'it is ready: 4000, http://:4000/health, "/regexp/" in its output, file:PATH, or ipc')
    .addOption(duration('--timeout', 'for how long to wait until it is ready').default(30_000, '30s'))
    .addOption(
      new Option(
        '--on-exit <act>',
        'when the command ends by itself: wait for new content, exit as it did, or restart it (default: wait on a terminal, else exit)',
      ).choices(['wait', 'exit', 'restart']),
    )
    .addOption(
      new Option('--stop-signal <signal>', 'what ends the command: a signal, or message')
        .argParser(parseSignal)
        .default('SIGTERM'),
    )
    .addOption(duration('--grace', 'from that signal to SIGKILL').default(10_000, '10s'))
    .addOption(
      new Option('--max-restarts <n>', 'restarts for new content in a minute, before it waits')
        .argParser((text) => parseCount('--max-restarts', text))
        .default(20),
    )
    .option('--rs', 'read the terminal for rs + Enter also while the command runs, whose stdin is then /dev/null')
    .option('--state <file>', 'keep a state file, for distprint status --state <file>')
    .option('--metrics-file <file>', "tell Prometheus, by node_exporter's textfile collector")
    .option('--verbose', 'say more')
    .option('--quiet', 'say nothing but errors')
    .option('--json <file|fd>', 'append each event as a JSON object to this file or descriptor')
    .action(async (words: string[], options: RunOptions) => {
      insistOnDashes(words);
      await (await import('./run/run.ts')).runCommand(words, options);
    });
}

function addBench(program: Command): void {
  const share = (flags: string, text: string) =>
    new Option(`${flags} <share>`, text).argParser((value) => parseShare(flags, value));
  withGlobs(
    add(
      program,
      'bench',
      `Examples:
  distprint bench .                               a cold build, a beat, a fresh process's first answer
  distprint bench . --quick --md                  soon, and for the comment of a pull request
  distprint bench . --baseline ../base            this build against another one of the same package
  distprint bench . --format github > bench.json  for github-action-benchmark

Counters come first: they are equal on every machine. Times are medians of interleaved rounds, each beside a bare loop over the same files.
--baseline takes a path. For a git ref, build it first: git worktree add ../base origin/main, then the usual build in there.

Exit codes: 0 within the limits, 1 over one of them, 2 trouble.`,
    ),
  )
    .description('measure what it costs to watch this package, and judge that')
    .argument('<path>', 'a package directory, an executable or a plain directory, as it is built')
    .addOption(
      new Option('--budget <duration>', 'the heartbeat: the time from one beat to the next')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .addOption(share('--max-share', 'how much of the budget a beat may take').default(0.01, '1%'))
    .addOption(
      new Option('--max-stall <duration>', 'for how long a beat may hold the event loop')
        .argParser(parseDuration)
        .default(5, '5ms'),
    )
    .option('--baseline <path>', 'another build of the same package, to compare with')
    .addOption(share('--max-slower', 'how much slower than the baseline it may be').default(0.1, '10%'))
    .option('--quick', 'fewer rounds: 10 s at most on an idle machine, for packages of usual size')
    .addOption(new Option('--json', 'print one JSON object').conflicts(['md', 'format']))
    .addOption(new Option('--md', 'print Markdown, for the comment of a pull request').conflicts('format'))
    .addOption(
      new Option('--format <format>', 'print what other tools read').choices(['github', 'hyperfine', 'openmetrics']),
    )
    .option('--svg <file>', 'also draw the cost against the number of files')
    .action(async (path: string, options: BenchCliOptions) =>
      (await import('./bench.ts')).bench(path, options, findLibrary()),
    );
}

/** Where fresh processes find distprint. From its sources it is TypeScript. */
function findLibrary(): string {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? '../index.ts' : '../index.js', import.meta.url).href;
}

/** Else an option of the command might be taken for one of ours. */
function insistOnDashes(words: readonly string[]): void {
  if (process.argv.at(-words.length - 1) === '--') return;
  const example = `distprint run -- ${words[0] ?? 'node'} …`;
  throw new DistprintError('ERR_DISTPRINT_OPTION', `write -- before the command: ${example}`);
}

function addStatus(program: Command): void {
  withState(
    add(
      program,
      'status',
      `Examples:
  distprint status
  distprint status --state /var/lib/app/runner.state.json --json
  distprint status --openmetrics                  for Prometheus

Exit codes:
  0  a runner runs what is installed (or no conclusion is possible, or the operator disabled the hand-off)
  1  no runner runs, or it runs old code
  2  the state file cannot be read or trusted, whether a runner runs or not`,
    ),
  )
    .description('say which runner runs, on what code, and what became of new code')
    .addOption(new Option('--openmetrics', 'print metrics for Prometheus: docs/fleet.md').conflicts('json'))
    .action(async (options: StatusCliOptions) => (await import('./status.ts')).status(options));
}

function addDoctor(program: Command): void {
  withState(
    add(
      program,
      'doctor',
      `Example:
  distprint doctor

Exit codes:
  0  the runner would move to new code
  1  it would stay on old code, or new code is held back just now
  2  no runner runs, or its state file cannot be read or trusted`,
    ),
  )
    .description('say how the runner would move to new code, and why, and what you can do')
    .action(async (options: StateFileOptions) => (await import('./doctor.ts')).doctor(options));
}

function addCompletion(program: Command): void {
  add(
    program,
    'completion',
    `Examples:
  eval "$(distprint completion bash)"             in ~/.bashrc
  eval "$(distprint completion zsh)"              in ~/.zshrc, after compinit
  distprint completion fish > ~/.config/fish/completions/distprint.fish

Exit codes: 0 done, 2 trouble.`,
  )
    .description('print a script that completes what is typed, for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: string) => (await import('./completion.ts')).completion(shell, program, DEFAULT_COMMAND));
}

function withGlobs(command: Command): Command {
  return command
    .option('--include <glob>', 'cover what matches, in place of the usual files (repeatable)', collect)
    .option('--exclude <glob>', 'leave out what matches (repeatable)', collect);
}

function withState(command: Command): Command {
  return command
    .option(
      '--state <file>',
      "the runner's state file (default: $DISTPRINT_STATE_FILE, else ~/.local/state/distprint/runner.state.json)",
    )
    .option('--json', 'print one JSON object');
}
