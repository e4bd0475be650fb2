/** Preloaded into a package manager: it never gets to write the file that `HOLD_FILE` names (absolute), and waits for it. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const held = process.env.HOLD_FILE;
const { open, copyFile } = fs;
const wait = () => setInterval(() => undefined, 60_000);

fs.open = (path, flags, ...rest) => (path === held && flags !== 'r' ? wait() : open(path, flags, ...rest));
fs.copyFile = (source, target, ...rest) => (target === held ? wait() : copyFile(source, target, ...rest));
syncBuiltinESMExports();
