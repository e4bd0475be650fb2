/**
 * `npm run test:windows`: what is to hold on Windows (vitest.windows.config.ts). On Windows and macOS with the Node that is there, on
 * Linux with Windows' node.exe under Wine (wine.ts). Words behind `--` go to vitest.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { serializeManifest } from '../../src/manifest/manifest.ts';
import { repository } from '../helpers/run.ts';
import { fetchPackages, PACKAGES, packSamples, toPackage } from './packages.ts';
import { copyProject } from './project.ts';
import { prepareWine, runInWine } from './wine.ts';

const folder = join(repository, '.cache/windows');
const packages = join(folder, 'packages');
/** It takes ten minutes on two busy cores. */
const TIMEOUT_MS = 25 * 60_000;
const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.windows.config.ts'];
const words = process.argv.slice(2);

console.log(
  'left out on Windows: test/runner, which is about POSIX systems: test/windows/runner.test.ts stands for it',
);
fetchPackages(packages);
packSamples(packages);
process.env.DISTPRINT_PACKAGES = packages;
process.exitCode = process.platform === 'linux' ? await runUnderWine() : runHere();

function runHere(): number {
  const isWindows = process.platform === 'win32';
  if (isWindows) {
    process.env.DISTPRINT_DRIVE = 'W:';
    process.env.DISTPRINT_NPM = join(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js');
    spawnSync('subst', ['W:', mkdtempSync(join(tmpdir(), 'drive-'))]);
  }
  const { status } = spawnSync(process.execPath, [...VITEST, ...words], { cwd: repository, stdio: 'inherit' });
  if (isWindows) spawnSync('subst', ['W:', '/D']);
  return status ?? 1;
}

/** Wine shows `/` as drive `Z:`. */
function toWine(path: string): string {
  return `Z:${path.replaceAll('/', '\\')}`;
}

/** npm is JavaScript: the one that is here runs there too. */
function findNpm(): string {
  return dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())));
}

async function runUnderWine(): Promise<number> {
  for (const [spec] of PACKAGES) {
    const path = toPackage(packages, spec);
    writeFileSync(`${path}.manifest`, serializeManifest(buildManifestSync(path))); // for windows/same-fingerprint.test.ts
  }
  const project = join(folder, 'project');
  copyProject(project);
  const wine = prepareWine(folder);
  wine.env.DISTPRINT_PACKAGES = toWine(packages);
  wine.env.DISTPRINT_DRIVE = 'W:';
  wine.env.DISTPRINT_NPM = toWine(join(findNpm(), 'bin/npm-cli.js'));
  const report = ['--reporter=default', '--reporter=json', '--outputFile.json=report.json'];
  const written = join(project, 'report.json');
  rmSync(written, { force: true }); // who is ended with Wine has exit status 0 too
  const code = await runInWine(wine, [...VITEST, ...report, ...words], project, TIMEOUT_MS);
  if (code !== 0) return code ?? 1;
  const { numPassedTests, numPendingTests } = JSON.parse(readFileSync(written, 'utf8'));
  console.log(`${numPassedTests} passed under Wine, ${numPendingTests} were skipped for the reasons above`);
  return 0;
}
