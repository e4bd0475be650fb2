/**
 * What is to be started where the system starts executables alone: on Windows, where a command on PATH is mostly a shim, `hapi.cmd`.
 *
 * Node starts no batch file without a shell, for a word may then become a command (CVE-2024-27980). And cmd.exe would stay between: at
 * Ctrl-C it asks "Terminate batch job (Y/N)?". So what stands behind the shim is started, as the shim would.
 * @module
 */

import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { statOrNothing } from '../../disk/stat.ts';
import { DistprintError } from '../../errors.ts';
import { isExecutableName, isWindows, readVariable } from '../../platform/paths.ts';
import { escapeControls } from '../../runner/log.ts';
import { findProgram } from './find-program.ts';
import { readShim, type Shim } from './shim.ts';

export interface ToStart {
  /** The executable first. */
  readonly words: readonly string[];
  /** The variables that a shim sets. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The words as they are, where the system knows what to do with any.
 * @throws as `findProgram` does; ERR_DISTPRINT_UNSUPPORTED_FILE where it is neither an executable nor a shim
 */
export function toExecutable(words: readonly string[], env: NodeJS.ProcessEnv, cwd: string): ToStart {
  return isWindows ? follow(findProgram(words[0] ?? '', env, cwd), words.slice(1), env, cwd) : { words, env: {} };
}

export function follow(file: string, words: readonly string[], env: NodeJS.ProcessEnv, cwd: string): ToStart {
  if (isExecutableName(file)) return { words: [file, ...words], env: {} };
  const shim = readShim(file, readFileSync(file, 'utf8'));
  if (shim === undefined) throw unsupported(file, words);
  const behind = [...shim.options, shim.target, ...words];
  const set = withNodePath(shim.env, env);
  if (shim.runtime === undefined) {
    if (!isExecutableName(shim.target)) throw withoutRuntime(file, shim.target);
    return { words: [shim.target, ...shim.options, ...words], env: set };
  }
  const found = findRuntime(file, shim.runtime, env, cwd);
  if (found === file) throw unsupported(file, words);
  const runtime = follow(found, behind, env, cwd);
  return { words: runtime.words, env: { ...set, ...runtime.env } };
}

/** The one beside the shim, else the one on PATH; without either, the one that runs this. */
function findRuntime(shim: string, name: string, env: NodeJS.ProcessEnv, cwd: string): string {
  const beside = join(dirname(shim), `${name}.exe`);
  if (statOrNothing(beside)?.isFile() === true) return beside;
  try {
    return findProgram(name, env, cwd);
  } catch (error) {
    if (name === 'node' && /^node(?:\.exe)?$/i.test(basename(process.execPath))) return process.execPath;
    throw error;
  }
}

/** As pnpm's shims have it: theirs comes first. */
function withNodePath(set: Shim['env'], env: NodeJS.ProcessEnv): Record<string, string> {
  const before = readVariable(env, 'NODE_PATH');
  return set.NODE_PATH === undefined || before === undefined
    ? { ...set }
    : { ...set, NODE_PATH: `${set.NODE_PATH};${before}` };
}

function withoutRuntime(file: string, target: string): DistprintError {
  const [shim, script] = [file, target].map(escapeControls);
  return new DistprintError(
    'ERR_DISTPRINT_UNSUPPORTED_FILE',
    `${shim} starts ${script} without a runtime, for that has no #! line; give one: node ${script}`,
    { path: file },
  );
}

function unsupported(file: string, words: readonly string[]): DistprintError {
  const shown = escapeControls(file);
  const isBatch = /\.(?:cmd|bat)$/i.test(file);
  const how = isBatch
    ? `give what it starts (node …), or a shell with what to watch: --watch <path> -- cmd /d /c ${[basename(file), ...words].join(' ')}`
    : 'name its runtime (node …, powershell -File …)';
  return new DistprintError(
    'ERR_DISTPRINT_UNSUPPORTED_FILE',
    `${shown} is ${isBatch ? 'a batch file' : 'no executable'}, and no shim of a package manager; ${escapeControls(how)}`,
    { path: file },
  );
}
