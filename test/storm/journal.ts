/** The job server's journal: who worked when. */

export interface Line {
  readonly atMs: number;
  readonly pid: number;
  readonly generation: number;
}

export const parseJournal = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number))
    .map(([atMs = 0, pid = 0, generation = 0]) => ({ atMs, pid, generation }));

/**
 * Moments with two owners. From one process to another, the generation must rise: one that took the lock back is in a later one. After
 * the state folder was deleted, a new process may begin again at a low number; but those before it must never work again.
 * @param deletedMs when the folder was deleted, as Date.now()
 */
export function findTwoOwners(lines: readonly Line[], deletedMs: readonly number[]): string[] {
  const found: string[] = [];
  const seen = new Set<number>();
  const gone = new Set<number>();
  for (const [i, line] of lines.entries()) {
    const before = lines[i - 1];
    seen.add(line.pid);
    if (before === undefined || before.pid === line.pid) continue; // after exec it is the same process
    const isAnew = deletedMs.some((atMs) => atMs < line.atMs);
    if (gone.has(line.pid)) found.push(`${say(line)} after ${say(before)}, though a later one began anew`);
    else if (line.generation > before.generation) continue;
    else if (!isAnew) found.push(`${say(line)} after ${say(before)}`);
    else for (const pid of seen) if (pid !== line.pid) gone.add(pid);
  }
  return found;
}

const say = ({ atMs, pid, generation }: Line) => `process ${pid}, generation ${generation} at ${atMs}`;
