import { fetchNode } from '../e2e/tools.ts';
import { isPosix, onlyWith } from './needs.ts';

/** A Node that has `process.execve`: the one that runs the tests, where it has; else, on Linux, one that is fetched. */
function findNode(): string | undefined {
  if (isPosix && 'execve' in process) return process.execPath;
  return process.platform === 'linux' ? fetchNode('26') : undefined;
}

const found = findNode();

/** `it`, for a test that runs `execNode`. Where there is none, it is skipped. */
export const itWithExec: ReturnType<typeof onlyWith> = onlyWith('a Node with process.execve', found !== undefined);
export const execNode = found as string;
