import { isPosix, onlyWith } from './needs.ts';

/** Windows has none that a process hears, but those of its console. */
export const itWithSignals = onlyWith('signals, which Windows has not', isPosix);
/** What a shell, its programs, execute permission or /proc are for. */
export const itOnPosix = onlyWith('a shell of POSIX, which Windows has not', isPosix);
