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
 * Moments with two owners. Each line must be of the generation before or a later one, and a generation is of one process. A process
 * that took the lock back is in a later one. After the state folder was deleted, a new process may begin again at a low number; but
 * those before it must never work again.
 * @param deletedMs when the folder was deleted, as Date.now()
 */
export function findTwoOwners(lines: readonly Line[], deletedMs: readonly number[]): string[] {
  const found: string[] = [];
  const gone = new Set<number>();
  let last: Line | undefined;
  for (const line of lines) {
    const before = last;
    last = line;
    if (before === undefined) continue;
    if (gone.has(line.pid)) found.push(`process ${line.pid} works again: ${say(line)} after ${say(before)}`);
    if (line.pid === before.pid && line.generation >= before.generation) continue;
    if (line.generation > before.generation) continue;
    const isAnew = line.pid !== before.pid && deletedMs.some((atMs) => atMs < line.atMs);
    if (isAnew) for (const { pid } of lines.slice(0, lines.indexOf(line))) gone.add(pid);
    else found.push(`${say(line)} after ${say(before)}`);
  }
  return found;
}

const say = ({ atMs, pid, generation }: Line) => `process ${pid}, generation ${generation} at ${atMs}`;
