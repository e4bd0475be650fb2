/**
 * Builds the manifest of a directory, and puts a FIFO in the place of its file `a` when all is listed and nothing is
 * read yet. Prints what `a` was recorded as, and the fingerprint. Argument: the directory.
 */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { toBuiltManifest } from '../../src/manifest/build.ts';
import { scan } from '../../src/scan/scan.ts';
import { PAUSE, runSync } from '../../src/steps.ts';
import { drive } from './drive.ts';

const root = process.argv[2] ?? '.';
let replaced = false;
const { pass } = drive(scan(root, {}, null), (step) => {
  if (step === PAUSE || replaced) return;
  replaced = true;
  rmSync(`${root}/a`);
  execFileSync('mkfifo', [`${root}/a`]);
});
const { entries, fingerprint } = runSync(toBuiltManifest(pass));
process.stdout.write(`${entries.find(({ path }) => path === 'a')?.content} ${fingerprint}`);
