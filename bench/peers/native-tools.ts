/** The native tools `xxhsum` and `b3sum`, as processes. Their output is discarded; their start counts, as it does for their users. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Contender } from '../../src/cli/bench/measure.ts';
import type { Corpus } from '../subjects/corpora.ts';
import { type Launch, launch } from '../timing/launcher.ts';

const TOOLS = [['xxhsum', '-H64'], ['b3sum']] as const;
/** `true`: how much of a peer's time is the start of a process. */
export const BARE_PROCESS = 'a process that does nothing';
export const GIVEN_LIST = ' list';
const PIPELINE = ' pipeline';
/** Finds the files that the manifest covers: all but the root's package.json. */
const FIND = `find . -type f ! -path ./package.json -print0 | LC_ALL=C sort -z`;

type Command = Launch['command'];

export interface NativePeers {
  readonly contenders: Contender[];
  readonly skipped: { readonly name: string; readonly reason: string }[];
}

/**
 * For a tree each tool comes twice: given a ready list of files, and as a pipeline that finds them itself, as one would type it.
 * Tools that are not installed are named with the reason.
 */
export function toNativePeers(scratch: string, corpus: Corpus, files: readonly string[]): NativePeers {
  const peers: NativePeers = { contenders: [toContender(corpus, BARE_PROCESS, ['true'])], skipped: [] };
  for (const tool of TOOLS) {
    const reason = findReasonToSkip(tool[0], files.length > 1);
    if (reason !== undefined) {
      peers.skipped.push({ name: tool[0], reason });
      continue;
    }
    for (const [label, command] of toCommands(scratch, corpus, tool, files)) {
      checkCount(command, corpus, label.endsWith(PIPELINE) ? 1 : files.length);
      peers.contenders.push(toContender(corpus, label, command));
    }
  }
  return peers;
}

type Labelled = [string, Command];

function toCommands(scratch: string, corpus: Corpus, tool: Command, files: readonly string[]): Labelled[] {
  const places = files.map((file) => `./${relative(workingDirectory(corpus), file)}`);
  if (places.length === 1) return [[tool[0], [...tool, places[0] as string]]];
  const list = join(scratch, `${corpus.name}.list`);
  writeFileSync(list, places.map((place) => `${place}\0`).join(''));
  const words = tool.join(' ');
  // -s: one process for all files, in the tool's favour. By default xargs starts several.
  const given: Labelled = [`${tool[0]}${GIVEN_LIST}`, ['xargs', '-0', '-s', '1000000', '-a', list, ...tool]];
  const whole: Labelled = [`${tool[0]}${PIPELINE}`, ['sh', '-c', `${FIND} | xargs -0 ${words} | ${words}`]];
  return [given, whole];
}

const workingDirectory = (corpus: Corpus) => (corpus.path === corpus.root ? corpus.root : dirname(corpus.path));

function toContender(corpus: Corpus, name: string, command: Command): Contender {
  return { name, run: { elsewhere: () => launch({ command, cwd: workingDirectory(corpus) }) } };
}

/** Throws if it does not hash all files. */
function checkCount([file, ...args]: Command, corpus: Corpus, expected: number): void {
  const options = { cwd: workingDirectory(corpus), encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const lines = spawnSync(file, args, options).stdout.split('\n').length - 1;
  if (lines !== expected)
    throw new Error(`${corpus.name}: \`${file} ${args}\` printed ${lines} lines, not ${expected}`);
}

function findReasonToSkip(name: string, needsXargs: boolean): string | undefined {
  if (spawnSync(name, ['--version']).error !== undefined) return `${name} is not installed here`;
  const hasLists = spawnSync('xargs', ['-0', '-a', '/dev/null', 'true']).status === 0;
  return needsXargs && !hasLists ? 'xargs has no option -a here (GNU findutils has)' : undefined;
}
