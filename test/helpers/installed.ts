import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnv, repository, run } from './run.ts';

const MATERIAL = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'rolldown.config.js',
  'src',
  'docs',
  'fixtures/supervisors',
  'schemas',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
];

export interface Packed {
  tarball: string;
  /** What it holds. */
  files: string[];
}

async function succeed(command: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, { cwd, env: plainEnv, timeout: 120_000 });
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Packs a copy of this project into `to`, so that the `dist` of whoever works here is left alone. */
export async function packInto(to: string): Promise<Packed> {
  const copy = join(to, 'project');
  for (const name of MATERIAL.filter((name) => existsSync(join(repository, name)))) {
    cpSync(join(repository, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));
  const printed = await succeed(['npm', 'pack', '--pack-destination', to, '--loglevel', 'error'], copy);
  const tarball = join(to, printed.trim().split('\n').at(-1) ?? '');
  const listed = await succeed(['tar', '-tzf', tarball], to);
  return {
    tarball,
    files: listed
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, '')),
  };
}

/** An empty folder into which the tarball alone was installed, as a user would. */
export async function installInto(to: string, tarball: string): Promise<string> {
  const folder = join(to, 'consumer');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  await succeed(['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball], folder);
  return folder;
}

export const dependenciesOf = (folder: string): string[] => {
  const lock: unknown = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return Object.keys((lock as { packages: object }).packages);
};
