/** Does to a package what it is told, in a process of its own (races.test.ts). */

import { benign, content, type Drawn, upheaval } from './operations.ts';
import type { Operation, World } from './world.ts';

const all: Record<string, Operation> = { ...benign, ...content, ...upheaval };

process.on('message', ({ world, operations }: { world: World; operations: readonly Drawn[] }) => {
  for (const { name, a, b } of operations) {
    try {
      (all[name] as Operation)(world, a, b);
    } catch {
      // what it is about is gone, or a link to nothing: so be it
    }
  }
  process.send?.('done');
});
process.send?.('ready');
