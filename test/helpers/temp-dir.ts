import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The caller removes it. Tests take `makeTemp` (temp.ts), which does that by itself. */
export const makeTempToRemove = (): string => mkdtempSync(join(tmpdir(), 'distprint-test-'));

export const removeTree = (path: string): void => rmSync(path, { recursive: true, force: true });
