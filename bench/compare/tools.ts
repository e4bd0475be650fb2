/**
 * The tools, each with the command line that its own README or manual gives for the job: run a command, and start it anew when what it runs
 * has changed. They are fetched when they are first asked for, into `.cache`.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchBun, fetchTool } from '../../test/e2e/tools.ts';

/** What a tool is to run. All paths are relative to where it is started. */
export interface Job {
  /** `build`: a script beside its build. `installed`: a script of an installed package. `shell`: a line for the shell. `folder`: an
   * idle script, and a large folder. */
  readonly kind: 'build' | 'installed' | 'shell' | 'folder';
  /** The script, or the line. */
  readonly run: string;
  /** The folder to watch. */
  readonly watch: string;
  /** Options of ours: these no other has. */
  readonly options?: readonly string[];
}

/** Why a tool can't do a job. */
export interface Unable {
  readonly unable: string;
}

export interface Tool {
  readonly name: string;
  readonly version: string;
  /** What its command line begins with, in place of `name`. */
  readonly program: readonly string[];
  /** The words behind it, or a whole line for the shell. */
  command(job: Job): readonly string[] | { readonly line: string } | Unable;
  /** A file that configures it. */
  readonly config?: (job: Job) => Readonly<Record<string, string>>;
  /** What starts a script without watching: for a plain start. */
  readonly plain: readonly string[];
  /** In milliseconds: for how long it waits after a change, by default, where its README gives that an option. */
  readonly waitsMs: number;
}

export const OURS = 'distprint run';

const node = process.execPath;
const ONLY_SCRIPTS = { unable: 'runs a script of its own, no other command' };
const ONLY_IMPORTED = { unable: 'watches what the script imports, no folder' };
const toScript = ({ kind, run }: Job): string[] => (kind === 'shell' ? ['sh', '-c', run] : ['node', run]);

/** @param cli our own command line, built */
export function findTools(cli: string): { tools: Tool[]; skipped: string[] } {
  const skipped: string[] = [];
  const find = (name: string, spec: string, script: string, command: Tool['command'], more: Partial<Tool> = {}) => {
    const place = fetchTool(spec);
    if (place === undefined) skipped.push(`${name}: ${spec} can't be fetched`);
    const version = spec.slice(spec.lastIndexOf('@') + 1);
    return place === undefined
      ? []
      : [{ name, version, program: [node, join(place, script)], command, plain: [node], waitsMs: 0, ...more }];
  };
  const tsx = fetchTool('tsx@4.23.15');
  const tools: Tool[] = [
    toOurs(cli),
    ...find('nodemon', 'nodemon@3.1.14', 'bin/nodemon.js', nodemon, { config: nodemonConfig }),
    {
      name: 'node --watch',
      version: process.versions.node,
      program: [node, '--watch'],
      command: nodeWatch,
      plain: [node],
      waitsMs: 0,
    },
    ...find('tsx watch', 'tsx@4.23.15', 'dist/cli.mjs', tsxWatch).map((tool) => ({
      ...tool,
      program: [...tool.program, 'watch'],
      plain: [node, '--import', join(tsx ?? '', 'dist/loader.mjs')],
    })),
    ...findBun(skipped),
    ...find('pm2 --watch', 'pm2@7.0.4', 'bin/pm2', pm2),
    ...findEntr(skipped),
    ...find('chokidar-cli', 'chokidar-cli@3.0.0', 'index.js', chokidar, { waitsMs: 400 }), // --debounce
    ...find('onchange', 'onchange@7.1.0', 'dist/bin.js', onchange),
  ];
  return { tools, skipped };
}

function toOurs(cli: string): Tool {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return {
    name: OURS,
    version,
    program: [node, cli, 'run'],
    command({ kind, run, watch, options = [] }) {
      const what = kind === 'shell' || kind === 'folder' ? ['--watch', watch] : [];
      const all = kind === 'folder' ? ['--include', '**/*'] : [];
      return [...what, ...all, ...options, '--', ...toScript({ kind, run, watch })];
    },
    plain: [node],
    waitsMs: 200, // --settle
  };
}

const nodemon: Tool['command'] = ({ kind, run, watch }) =>
  kind === 'shell' ? ['--watch', watch, '--exec', run] : ['--watch', watch, run];

/** By default it ignores node_modules; its FAQ has this file for who wants that watched. */
const nodemonConfig = ({ kind }: Job): Record<string, string> =>
  kind === 'installed' ? { 'nodemon.json': '{"ignoreRoot": [".git"]}' } : {};

const nodeWatch: Tool['command'] = ({ kind, run }) => {
  if (kind === 'shell') return ONLY_SCRIPTS;
  return kind === 'folder' ? { unable: '--watch-path is for macOS and Windows' } : [run];
};

const tsxWatch: Tool['command'] = ({ kind, run, watch }) => {
  if (kind === 'shell') return ONLY_SCRIPTS;
  return kind === 'build' ? [run] : ['--include', `${watch}/**/*`, run];
};

function findBun(skipped: string[]): Tool[] {
  const bun = fetchBun();
  if (bun === undefined) skipped.push("bun --watch: bun can't be fetched");
  const command: Tool['command'] = ({ kind, run }) => {
    if (kind === 'shell') return ONLY_SCRIPTS;
    return kind === 'folder' ? ONLY_IMPORTED : [run];
  };
  const name = 'bun --watch';
  return bun === undefined
    ? []
    : [
        {
          name,
          version: readVersion(bun, ['--version']),
          program: [bun, '--watch'],
          command,
          plain: [bun],
          waitsMs: 0,
        },
      ];
}

/** By default it ignores node_modules, and any path given to --ignore-watch takes the place of that. */
const pm2: Tool['command'] = ({ kind, run, watch }) => [
  ...['start', run, '--name', 'server', '--watch', watch],
  ...(kind === 'installed' ? ['--ignore-watch', '.git'] : []),
];

/** It needs the names of the files. */
function findEntr(skipped: string[]): Tool[] {
  if (!isThere('entr') && process.getuid?.() === 0 && isThere('apt-get')) {
    spawnSync('apt-get', ['install', '--yes', '--quiet', 'entr'], { stdio: 'ignore' });
  }
  if (!isThere('entr')) {
    skipped.push('entr: not installed, and apt-get does not install it here');
    return [];
  }
  const command: Tool['command'] = (job) => {
    const names = job.kind === 'folder' ? '-type f' : "-name '*.js'";
    return { line: `find ${job.watch} ${names} | entr -n -r ${toScript(job).map(quote).join(' ')}` };
  };
  const version = /entr ([\d.]+)|release: ([\d.]+)/.exec(readVersion('entr', [])) ?? [];
  return [
    { name: 'entr', version: version[1] ?? version[2] ?? '', program: ['entr'], command, plain: [node], waitsMs: 0 },
  ];
}

const toGlob = ({ kind, watch }: Job) => (kind === 'folder' ? `${watch}/**` : `${watch}/**/*.js`);

/** It ends nothing that it started: each change starts another one. Its README has no other way. */
const chokidar: Tool['command'] = (job) => [
  ...[toGlob(job), '--initial', '-c', job.kind === 'shell' ? job.run : `node ${job.run}`],
];

const onchange: Tool['command'] = (job) => [
  ...['-i', '-k', toGlob(job), ...(job.kind === 'installed' ? ['--no-exclude'] : [])],
  ...['--', ...toScript(job)],
];

const isThere = (program: string) => spawnSync('which', [program]).status === 0;

function readVersion(program: string, words: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', input: '' });
  return `${stdout}${stderr}`.trim();
}

/** As it would be typed. */
export function toTyped({ name, command, config }: Tool, job: Job): string {
  const words = command(job);
  if ('unable' in words) return `— (${words.unable})`;
  if ('line' in words) return words.line;
  const [program = '', ...first] = name.split(' ');
  const typed = [
    TYPED[program] ?? program,
    ...first.filter((word) => program !== 'pm2' || word !== '--watch'),
    ...words.map(quote),
  ];
  const configs = Object.entries(config?.(job) ?? {}).map(([file, text]) => ` with ${file}: ${text}`);
  return typed.join(' ') + configs.join();
}

const TYPED: Readonly<Record<string, string>> = { 'chokidar-cli': 'chokidar' };
const quote = (word: string) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The words to start it with. */
export function toLaunched({ program, command }: Tool, job: Job): readonly [string, ...string[]] | Unable {
  const words = command(job);
  if ('unable' in words) return words;
  if ('line' in words) return ['sh', '-c', words.line];
  return [...program, ...words] as unknown as readonly [string, ...string[]];
}
