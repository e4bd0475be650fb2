/**
 * HAPI's contract: a drop-in for its `getInstalledCliMtimeMs()`, with the same name and type, whose number stands for content
 * instead of a time; and its names for what `claimRunner` keeps in the state file.
 * @module
 */

import { resolve } from 'node:path';
import { defaultCacheFile } from './change/default-cache.ts';
import { createObserver, type Observer, DEFAULT_SETTLE_MS as SETTLE_MS } from './change/observer.ts';
import {
  coverRunningProgram,
  findMovedProgram,
  isExecutableItself,
  locateRunningProgram,
} from './change/running-program.ts';
import { toToken } from './manifest/manifest.ts';
import type { RunnerOptions } from './runner/options.ts';
import { runSync, wait } from './steps.ts';

/** What to look at. Without a path: the program that is running. */
export interface InstalledCliProbeOptions {
  /** The package to look at. */
  packageDir?: string;
  /** Or the executable. */
  executable?: string;
  /**
   * Where to keep the stat cache, so that the next process need not read every file again. Default: for an executable of 8 MiB or
   * more, a file in `$XDG_CACHE_HOME/distprint`; else none is kept.
   */
  cacheFile?: string;
}

/**
 * A function that returns the token (`toToken`) of what is installed, or undefined where that can't be told. It never throws.
 *
 * While an install is under way it returns the last settled token. It returns undefined once the subject has been gone for longer than
 * an install takes. If the very first call finds a tree that has not settled, it blocks for up to 2 s (`SETTLE_MS`): callers keep the
 * answer as "what started", and it must be neither torn nor absent just because the program started right after its install.
 *
 * Without options, the subject is the program that is running (see `locateRunningProgram`).
 */
export function createInstalledCliProbe(options: InstalledCliProbeOptions = {}): () => number | undefined {
  const given = options.executable ?? options.packageDir;
  const locate = () => (given === undefined ? locateRunningProgram() : resolve(given));
  let observer: Observer | undefined;
  let root: string | undefined;
  let token: number | undefined;
  let lastThereMs = Number.NEGATIVE_INFINITY;

  function look(): number | undefined {
    const found = root === undefined ? locate() : given === undefined && findMovedProgram(root);
    if (found) {
      root = found;
      observer = observe(root, options);
    }
    if (observer === undefined) return undefined;
    const isFirst = token === undefined && lastThereMs === Number.NEGATIVE_INFINITY;
    const deadlineMs = performance.now() + (isFirst ? SETTLE_MS : 0);
    for (;;) {
      const seen = runSync(observer.look(() => false));
      const nowMs = performance.now();
      if (seen.state !== 'missing') lastThereMs = nowMs;
      else if (nowMs - lastThereMs > SETTLE_MS) token = undefined;
      if (seen.state === 'settled') token = toToken(seen.tree.fingerprint);
      if (seen.state !== 'settling' || nowMs >= deadlineMs) return token;
      wait(Math.min(seen.retryInMs, deadlineMs - nowMs) + 1).sync();
    }
  }

  return () => {
    try {
      return look();
    } catch {
      return token; // whatever went wrong, the caller is a heartbeat that must go on
    }
  };
}

/** In the middle of an install package.json may be away: what was a package must not become a plain directory. */
function observe(root: string, { executable, packageDir, cacheFile }: InstalledCliProbeOptions): Observer {
  const isExecutable = executable !== undefined || (packageDir === undefined && isExecutableItself());
  const beside = executable === undefined && packageDir === undefined ? coverRunningProgram(root) : {};
  const coverage = { kind: isExecutable ? 'executable' : 'package', ...beside } as const;
  const cache = cacheFile ?? (isExecutable ? defaultCacheFile(root) : undefined);
  return createObserver({ root, coverage, settleMs: SETTLE_MS, cacheFile: cache });
}

const installed = createInstalledCliProbe();

/** The token of what is installed of the program that is running: an integer, 0 < n <= 2^53 - 1, or undefined. Never throws. */
export function getInstalledCliMtimeMs(): number | undefined {
  return installed();
}

/** HAPI's names, for its `claimRunner({ ...HAPI })`: the variable by which an operator opts out, and the fields of its state file. */
export const HAPI = {
  optOutVariable: 'HAPI_DISABLE_VERSION_HANDOFF',
  stateFields: ({ version, token, argv, handoffDisabled }) => ({
    startedWithCliVersion: version,
    startedWithCliMtimeMs: token,
    startedWithArgv: argv,
    startedWithVersionHandoffDisabled: handoffDisabled,
  }),
} satisfies Pick<RunnerOptions, 'optOutVariable' | 'stateFields'>;
