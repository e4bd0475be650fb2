/**
 * Opens files until the process may open no more, tries to build a manifest, makes room, and tries again.
 * Prints what came of it. Run it with a low `ulimit -n`. Argument: the path.
 */

import { closeSync, openSync } from 'node:fs';
import { errnoOf } from '../../src/errors.ts';
import { buildManifest, buildManifestSync, isDistprintError } from '../../src/index.ts';

const path = process.argv[2] ?? '.';

async function outcomeOf(work: () => unknown) {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (!isDistprintError(error)) return `foreign error: ${error}`;
    return { code: error.code, errno: errnoOf(error.cause) };
  }
}

const held: number[] = [];
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch (error) {
  if (errnoOf(error) !== 'EMFILE') throw error;
}
const full = [await outcomeOf(() => buildManifest(path)), await outcomeOf(() => buildManifestSync(path))];
for (const fd of held) closeSync(fd);
const after = [await outcomeOf(() => buildManifest(path)), await outcomeOf(() => buildManifestSync(path))];
process.stdout.write(JSON.stringify({ full, after }));
