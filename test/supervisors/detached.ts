/** The runner on its own: nobody waits for it. Who has its role says its state, and it is stopped by its own word. */

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../helpers/run.ts';
import { type Cell, fill, post, readStateOf, type Supervised } from './cell.ts';
import { isThere } from './processes.ts';

export function asDaemon(cell: Cell): Supervised {
  const script = join(cell.folder, 'start.sh');
  return {
    inside: () => [],
    async start(env) {
      writeFileSync(script, fill('detached/start.sh', cell, env));
      chmodSync(script, 0o755);
      const { code, stderr } = await run([script]);
      if (code !== 0) throw new Error(`detached: ${stderr}`);
    },
    stop: () => post(cell, '/stop'),
    log: async () => readFileSync(cell.logFile, 'utf8'),
    async follows() {
      const pid = readStateOf(cell)?.pid;
      return { pid: pid !== undefined && isThere(pid) ? pid : null, restarts: null };
    },
  };
}
