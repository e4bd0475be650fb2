import { lstatSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isWindows, isWine, onlyWith } from './needs.ts';
import { makeTempToRemove, removeTree } from './temp-dir.ts';

/** Windows makes them where the user may. Wine says that it did, and did not. */
export const canLink: boolean = (() => {
  const folder = makeTempToRemove();
  try {
    symlinkSync('nowhere', join(folder, 'link'));
    return lstatSync(join(folder, 'link')).isSymbolicLink();
  } catch {
    return false;
  } finally {
    removeTree(folder);
  }
})();
export const itWithLinks = onlyWith('symbolic links, which Wine does not make', canLink);

/** Links to folders that Windows makes for every user; npm makes them for workspaces. */
export const itWithJunctions = onlyWith('junctions, which Wine does not make', isWindows && !isWine);
