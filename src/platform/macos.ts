/**
 * macOS, where it differs from the BSDs.
 * @module
 */

import { bsd } from './bsd.ts';
import type { Platform } from './face.ts';
import { findLaunchdJob } from './launchd.ts';
import { findTreeBy } from './ps.ts';

export const macos: Platform = {
  ...bsd,
  findManager: findLaunchdJob,
  findTree: findTreeBy('-E'),
};
