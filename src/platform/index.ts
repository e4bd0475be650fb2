/**
 * The platform that this is. Nothing outside of this folder asks which: test/rooms.test.ts checks it.
 *
 * How paths and files differ is in paths.ts. What Linux alone shows is in proc.ts and proc-net.ts; elsewhere their answers are empty.
 * @module
 */

import { bsd } from './bsd.ts';
import type { Platform } from './face.ts';
import { linux } from './linux.ts';
import { macos } from './macos.ts';
import { windows } from './windows.ts';

const PLATFORMS: Partial<Record<NodeJS.Platform, Platform>> = { linux, darwin: macos, win32: windows };

export const platform: Platform = PLATFORMS[process.platform] ?? bsd;
