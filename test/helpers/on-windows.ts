import { isWindows, onlyWith } from './needs.ts';

export const itOnWindows = onlyWith('Windows', isWindows);
