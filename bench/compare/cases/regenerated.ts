import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Act } from '../acts.ts';
import { build, writeSources } from '../project.ts';
import { copyProject, nextRelease } from '../releases.ts';

const TAKES_MS = 5_000;
const BATCHES = 50;

/** All is deleted, then written over 5 s in the order of the names, the entry point among the first. */
export const regenerated: Act = {
  name: 'regenerated',
  what: 'delete all, then write the next release over 5 s',
  target: 1,
  async run({ root }, release) {
    const next = nextRelease(release);
    const other = copyProject(root, join(root, '../next'));
    writeSources(other, next);
    await build(other, 'esbuild');
    const files = readdirSync(join(other, 'dist'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .sort();
    rmSync(join(root, 'dist'), { recursive: true });
    const size = Math.ceil(files.length / BATCHES);
    for (let first = 0; first < files.length; first += size) {
      for (const file of files.slice(first, first + size)) {
        mkdirSync(dirname(join(root, 'dist', file)), { recursive: true });
        cpSync(join(other, 'dist', file), join(root, 'dist', file));
      }
      await sleep(TAKES_MS / BATCHES);
    }
    writeSources(root, next);
    return next;
  },
};
