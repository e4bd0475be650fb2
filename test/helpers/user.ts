import { distprint } from './cli.ts';
import { isPosix, isRoot, onlyWith } from './needs.ts';
import type { RunOptions } from './run.ts';

/** Root may read everything, so root runs it as nobody. */
export const asOrdinaryUser: RunOptions = isRoot ? { uid: 65534, gid: 65534, cwd: '/' } : {};
const mayReadSources = isPosix && (await distprint(['--version'], asOrdinaryUser)).code === 0;
export const itAsUser = onlyWith('an ordinary user who may read this repository', mayReadSources);
