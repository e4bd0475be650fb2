import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** As programs see it: a link to it on macOS, and a short name in its path on Windows, are not what they print. */
const folder = realpathSync.native(tmpdir());

/** The caller removes it. Tests take `makeTemp` (temp.ts), which does that by itself. */
export const makeTempToRemove = (): string => mkdtempSync(join(folder, 'distprint-test-'));

export const removeTree = (path: string): void => rmSync(path, { recursive: true, force: true });
