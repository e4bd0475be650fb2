/**
 * Finds the file that a command's first word stands for, as execvp(3) does.
 * @module
 */

import { accessSync, constants } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { statOrNothing } from '../../disk/stat.ts';
import { DistprintError } from '../../errors.ts';
import { OTHER_FORMAT, OTHER_MACHINE } from '../../platform/elf.ts';
import { whyNotExecutable } from '../../platform/executable.ts';
import { isPath, listProgramEndings, readVariable } from '../../platform/paths.ts';
import { escapeControls } from '../../runner/log.ts';

/** Where a program is looked for without `PATH`. */
const DEFAULT_PATH = '/usr/bin:/bin';

/**
 * The absolute path, with its links.
 * @throws ERR_DISTPRINT_NOT_FOUND; ERR_DISTPRINT_UNSUPPORTED_FILE where it can't be executed
 */
export function findProgram(word: string, env: NodeJS.ProcessEnv, cwd: string): string {
  if (word === '') throw new DistprintError('ERR_DISTPRINT_OPTION', 'the command is an empty word; name a program');
  const candidates = listCandidates(word, env, cwd);
  const found = candidates.find((file) => statOrNothing(file)?.isFile() === true && mayExecute(file));
  if (found === undefined) throw whyNone(word, candidates);
  const problem = whyNotExecutable(found);
  // A file that may be executed and not read can't be examined.
  const isForKernel = problem === OTHER_FORMAT || problem === OTHER_MACHINE;
  if (problem?.startsWith('it') && !isForKernel) throw unsupported(found, `can't be executed: ${problem}`);
  return found;
}

function listCandidates(word: string, env: NodeJS.ProcessEnv, cwd: string): string[] {
  const folders = isPath(word) ? [''] : (readVariable(env, 'PATH') ?? DEFAULT_PATH).split(delimiter);
  const endings = listProgramEndings(word, env);
  return folders.flatMap((folder) => endings.map((ending) => resolve(cwd, folder, `${word}${ending}`)));
}

function mayExecute(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function whyNone(word: string, candidates: readonly string[]): DistprintError {
  const there = candidates.find((file) => statOrNothing(file) !== undefined);
  const shown = JSON.stringify(word);
  if (there === undefined) {
    const isOne = candidates.length === 1 || isPath(word);
    const plain = candidates.at(-1) as string;
    const where = isOne && plain !== word ? ` (${escapeControls(plain)})` : '';
    const hint = isOne ? 'check the path' : 'install it, or give its path; these folders are searched: $PATH';
    return new DistprintError('ERR_DISTPRINT_NOT_FOUND', `command not found: ${shown}${where}; ${hint}`, {
      path: candidates[0] ?? word,
    });
  }
  if (statOrNothing(there)?.isDirectory() === true) return unsupported(there, 'is a directory, no program');
  if (statOrNothing(there)?.isFile() !== true) return unsupported(there, 'is no regular file, so no program');
  return unsupported(
    there,
    'may not be executed; if it is a program, chmod +x it; if it is a script, name its runtime',
  );
}

const unsupported = (file: string, what: string) =>
  new DistprintError('ERR_DISTPRINT_UNSUPPORTED_FILE', `${escapeControls(file)} ${what}`, { path: file });
