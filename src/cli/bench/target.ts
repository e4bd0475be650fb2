/**
 * A build that is measured: what lies at a path, and the paths that the bare loops are given.
 * @module
 */

import { resolve } from 'node:path';
import { DistprintError, isDistprintError } from '../../errors.ts';
import { toBuiltManifest } from '../../manifest/build.ts';
import type { CoverageOptions, Kind } from '../../scan/coverage.ts';
import { scan } from '../../scan/scan.ts';
import { runAsync } from '../../steps.ts';

export interface Target {
  /** As it was given. */
  readonly path: string;
  readonly coverage: CoverageOptions;
  readonly kind: Kind;
  readonly name: string | null;
  readonly version: string | null;
  readonly fingerprint: string;
  readonly bytes: number;
  /** Where each file that counts lies, for `node:fs`. */
  readonly files: readonly (string | Buffer)[];
  /** The same of each directory that was listed. */
  readonly directories: readonly (string | Buffer)[];
}

/**
 * @throws what `buildManifest` throws; ERR_DISTPRINT_NOT_FOUND where no file counts: nothing would be measured
 */
export async function openTarget(path: string, coverage: CoverageOptions): Promise<Target> {
  const { pass } = await runAsync(scan(resolve(path), coverage, null));
  const { kind, name, version, fingerprint, bytes } = await runAsync(toBuiltManifest(pass));
  const { places, directories } = pass.listing;
  if (places.length === 0) throw sayEmpty(path, coverage, pass.subject.hasDist === true);
  return {
    ...{ path, coverage, kind, name, version, fingerprint, bytes },
    files: places,
    directories: [...directories.values()].map(({ at }) => at),
  };
}

function sayEmpty(path: string, { include, exclude }: CoverageOptions, hasDist: boolean): DistprintError {
  const isUsual = include === undefined && exclude === undefined;
  const usual = hasDist ? 'its dist is empty; build it first' : 'no file counts there';
  const what = isUsual ? usual : 'with these --include and --exclude no file counts there';
  return new DistprintError('ERR_DISTPRINT_NOT_FOUND', `${path}: ${what}`, { path });
}

/**
 * The build that `head` is compared with.
 * @throws what `openTarget` throws; ERR_DISTPRINT_COVERAGE where the two are no two builds of one thing
 */
export async function openBaseline(path: string, head: Target): Promise<Target> {
  const base = await openTarget(path, head.coverage).catch((error: unknown) => {
    throw isDistprintError(error, 'ERR_DISTPRINT_NOT_FOUND') ? sayNoBuild(error, path) : error;
  });
  if (base.kind === head.kind && base.name === head.name) return base;
  const say = ({ path, kind, name }: Target) =>
    `${path} is ${name === null ? `a plain ${kind}` : `the package ${name}`}`;
  throw new DistprintError(
    'ERR_DISTPRINT_COVERAGE',
    `--baseline: ${say(base)}, ${say(head)}; give two builds of one package`,
    { path },
  );
}

/** A ref of git is what people try first. */
function sayNoBuild(error: DistprintError, path: string): DistprintError {
  const advice = `give the path of a build; for a git ref, build it first: git worktree add ../base ${path}`;
  return new DistprintError('ERR_DISTPRINT_NOT_FOUND', `--baseline ${error.message}; ${advice}`, { path });
}
