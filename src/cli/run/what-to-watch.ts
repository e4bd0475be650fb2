/**
 * Derives from a command what its code is: the package around the script, or the executable.
 * @module
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import {
  coverProgram,
  findPackageAround,
  followFileLinks,
  realpathOrNothing,
  toScript,
} from '../../change/running-program.ts';
import { statOrNothing } from '../../disk/stat.ts';
import { DistprintError } from '../../errors.ts';
import { toSlashes } from '../../platform/paths.ts';
import { escapeControls } from '../../runner/log.ts';
import { findProgram } from './find-program.ts';
import { findRuntime } from './runtimes.ts';
import { findBehindBunx, readShim } from './shim.ts';

export interface WhatToWatch {
  /** Absolute. Links to directories stay in it: a package manager or a deployment may swap one. */
  readonly path: string;
  /** For how long it must lie still. */
  readonly settleMs: number;
  /** What to cover in place of the usual files, where those would not be what runs. */
  readonly include?: readonly string[];
  /** The script or the executable, absolute: without it, nothing can be started. Before the first build, it is not there yet. */
  readonly program: string;
}

/** A project's own build is written by one program, in one go. */
export const SETTLE_OWN_MS = 200;
/** A package manager removes, fetches and links in turn. */
export const SETTLE_INSTALLED_MS = 2_000;

/**
 * @param command words as typed
 * @throws ERR_DISTPRINT_OPTION where it can't be told, which asks for `--watch`; as `findProgram` does
 */
export function whatToWatch(command: readonly string[], env: NodeJS.ProcessEnv, cwd: string): WhatToWatch {
  const { file, isScript, words } = findCode(command, env, cwd);
  const real = realpathOrNothing(file);
  const isInstalled = !isScript || liesInNodeModules(real ?? file);
  if (isInstalled) refuseSecond(file, words, cwd);
  if (!isScript) return { path: file, program: file, settleMs: SETTLE_INSTALLED_MS };
  const path = findPackageAround(dirname(file));
  if (path === undefined) throw ask(`no package.json is around ${file}`, dirname(file));
  if (path === dirname(path) || path === homedir()) {
    throw ask(`the package.json around ${file} is that of ${path}, which holds more than a program`, dirname(file));
  }
  return {
    path,
    program: file,
    settleMs: isInstalled ? SETTLE_INSTALLED_MS : SETTLE_OWN_MS,
    ...coverBuild(path, real ?? file, isInstalled),
  };
}

/** A package manager put it there. */
export const liesInNodeModules = (path: string): boolean => path.includes(`${sep}node_modules${sep}`);

interface Code {
  /** Absolute, with its links to directories. */
  readonly file: string;
  /** Else it is an executable. */
  readonly isScript: boolean;
  /** What follows it. */
  readonly words: readonly string[];
}

/** Start another program with the words behind them, and do nothing else. */
const PREFIXES: Readonly<Record<string, RegExp>> = {
  env: /^[A-Za-z_]\w*=/,
  nice: /^(?:-n|-?-?\d+|-n-?\d+|--adjustment=-?\d+)$/,
  nohup: /^(?!)/,
  setsid: /^(?:-w|--wait)$/,
};

/** Start what only they can tell. */
const STARTS_OTHERS = new Set(
  `npm npx pnpm pnpx pn yarn yarnpkg bunx corepack deno sh bash dash ash zsh ksh fish busybox sudo doas su docker podman make
  nodemon pm2 pm2-runtime concurrently cross-env dotenv turbo nx lerna run-s run-p npm-run-all ts-node ts-node-esm volta-shim mise
  time timeout xargs watch watchexec entr tini dumb-init java python python2 python3 ruby perl php lua pwsh powershell cmd`.split(
    /\s+/,
  ),
);

function findCode(command: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Code {
  const [word = '', ...words] = command;
  const program = findProgram(word, env, cwd);
  const name = toName(word);
  const behind = skipPrefix(name, words, env);
  if (behind !== undefined) return findCode(behind.words, behind.env, cwd);
  const target = followFileLinks(program) ?? program;
  const runtime = findRuntime(name) ?? findRuntime(toName(target));
  if (runtime !== undefined) return findScriptOf(runtime(words), word, cwd);
  if (STARTS_OTHERS.has(name) || STARTS_OTHERS.has(toName(target))) throw ask(`what ${name} starts can't be told`);
  return { ...examine(program, target), words };
}

const toName = (path: string) => basename(path).replace(/\.(?:exe|cmd|bat|ps1)$/i, '');

function skipPrefix(name: string, words: readonly string[], env: NodeJS.ProcessEnv) {
  const options = PREFIXES[name];
  if (options === undefined) return undefined;
  let at = 0;
  const set: NodeJS.ProcessEnv = {};
  for (; options.test(words[at] ?? ''); at++) {
    const word = words[at] as string;
    if (name === 'env') set[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1);
    if (word === '-n') at++;
  }
  if (words[at] === undefined || words[at]?.startsWith('-')) throw ask(`what ${name} starts can't be told`);
  return { words: words.slice(at), env: { ...env, ...set } };
}

function findScriptOf(run: ReturnType<NonNullable<ReturnType<typeof findRuntime>>>, word: string, cwd: string): Code {
  if (run === null) throw ask(`${toName(word)} is given no script`);
  const typed = resolve(cwd, run.script);
  const script = toScript(typed) ?? typed;
  return { file: followFileLinks(script) ?? script, isScript: true, words: run.words };
}

/** A shim leads to another file, whose kind then counts. */
function examine(program: string, target: string): Pick<Code, 'file' | 'isScript'> {
  const head = readHead(target);
  const behind = isText(head) ? readShim(target, head.toString())?.target : findBehindBunx(target);
  // An executable is watched by the path that was found: a deployment may repoint a link.
  if (!isText(head) && behind === undefined) return { file: program, isScript: false };
  if (behind !== undefined && statOrNothing(behind)?.isFile() === true) {
    const file = throughNodeModules(followFileLinks(behind) ?? behind, target);
    return { file, isScript: isText(readHead(file)) };
  }
  const interpreter = head.toString('latin1').match(/^#![ \t]*(?:\S*\/env[ \t]+(?:-S[ \t]+)?)?(\S+)/)?.[1];
  if (findRuntime(toName(interpreter ?? '')) === undefined) {
    throw ask(`${program} is a script for ${toName(interpreter ?? 'sh')}, and what that runs can't be told`);
  }
  return { file: target, isScript: true };
}

/**
 * A shim of pnpm names a folder of one version, `.pnpm/tool@1.0.0/node_modules/tool`, which an upgrade leaves as it is. The link
 * `node_modules/tool`, beside the shim's `.bin`, then leads to another.
 */
function throughNodeModules(file: string, shim: string): string {
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+\/.*)$/s.exec(toSlashes(file)) ?? [];
  const linked = name === undefined ? undefined : resolve(dirname(shim), '..', name);
  return linked !== undefined && realpathOrNothing(linked) === realpathOrNothing(file) ? linked : file;
}

/** Enough for a shim: pnpm's names many folders. */
const HEAD_BYTES = 64 * 1024;

function readHead(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(HEAD_BYTES);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch {
    return Buffer.alloc(0);
  } finally {
    closeSync(fd);
  }
}

/** An executable's head holds NULs, whatever its format (ELF, Mach-O, PE). */
const isText = (head: Buffer) => !head.subarray(0, 256).includes(0);

/** Words that name code of their own. */
const CODE = /\.(?:[cm]?[jt]sx?|py|rb|pl|php|jar|lua|sh)$/i;

/** `fastify start app.js`: is the code fastify's, or the project's? An installed program that is given code may well be a runtime. */
function refuseSecond(file: string, words: readonly string[], cwd: string): void {
  const other = words.find((word) => CODE.test(word) && statOrNothing(resolve(cwd, word))?.isFile() === true);
  if (other === undefined) return;
  throw ask(
    `${basename(file)} is given ${other}, so which of both is the code can't be told`,
    dirname(resolve(cwd, other)),
  );
}

/** Folders that only a build writes to. `dist` is covered as in every package. */
const BUILT = new Set(['build', 'out', 'output', '.output']);

/** A project has its sources beside its build: what is edited there runs only once it is built. */
function coverBuild(path: string, script: string, isInstalled: boolean): Pick<WhatToWatch, 'include'> {
  const [folder = ''] = relative(realpathOrNothing(path) ?? path, script).split(sep);
  if (!isInstalled && BUILT.has(folder)) return { include: [`${folder}/**`] };
  const { include } = coverProgram(path, script);
  return include === undefined ? {} : { include };
}

function ask(why: string, where = '<path>'): DistprintError {
  return new DistprintError(
    'ERR_DISTPRINT_OPTION',
    `${escapeControls(why)}; say what to watch: --watch ${escapeControls(where)}`,
  );
}
