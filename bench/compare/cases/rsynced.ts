import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Act } from '../acts.ts';
import { must } from '../context.ts';

/** From a copy with the same bytes and other mtimes, as another machine would have built it. */
export const rsynced: Act = {
  name: 'rsynced',
  what: '`rsync -a` of the same bytes',
  target: 0,
  async run({ root }, release) {
    const from = join(root, '../from-elsewhere');
    cpSync(join(root, 'dist'), from, { recursive: true });
    must('rsync', ['-a', `${from}/`, 'dist/'], root);
    return release;
  },
};
