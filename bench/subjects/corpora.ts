/**
 * The four real npm packages, at pinned versions, that everything is measured on.
 *
 * They are fetched once with `npm pack` and extracted with the system's `tar` into `.cache/corpora` (ignored by git).
 * A package is extracted beside its place and then renamed, so a half-fetched one is never taken for a whole one.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CACHE = fileURLToPath(new URL('../../.cache', import.meta.url));

/** What to fingerprint: all of a package, or one executable in it. */
export interface Corpus {
  readonly name: string;
  /** Where the package lies. */
  readonly root: string;
  /** What is fingerprinted: the root, or an executable below it. */
  readonly path: string;
  readonly options: { readonly include?: readonly string[] };
}

interface Source {
  readonly name: string;
  readonly spec: string;
  readonly executable?: string;
}

export const NEXT = 'next@16.4.6';

const SOURCES: readonly Source[] = [
  { name: 'hapi', spec: '@twsxtd/hapi-linux-x64@0.30.7', executable: 'bin/hapi' },
  { name: 'typescript', spec: 'typescript@5.9.3' },
  { name: 'n8n-workflow', spec: 'n8n-workflow@2.41.0' },
  { name: 'next', spec: NEXT },
];

/** All four, or three: n8n-workflow lies between two others in every way. Missing ones are fetched. */
export function fetchCorpora(quick: boolean): Corpus[] {
  return SOURCES.filter(({ name }) => !quick || name !== 'n8n-workflow').map((source) =>
    toCorpus(source, fetchPackage(source.spec)),
  );
}

function toCorpus({ name, executable }: Source, root: string): Corpus {
  return executable === undefined
    ? { name, root, path: root, options: { include: ['**/*'] } }
    : { name, root, path: join(root, executable), options: {} };
}

/** The same corpus at another place. */
export function moveCorpus(corpus: Corpus, root: string): Corpus {
  return { ...corpus, root, path: join(root, corpus.path.slice(corpus.root.length)) };
}

/**
 * The directory of a published package, `name@version`.
 * @throws if it is not cached and can't be fetched
 */
export function fetchPackage(spec: string): string {
  const place = join(CACHE, 'corpora', spec.replace(/^@/, '').replaceAll('/', '-'));
  if (existsSync(place)) return place;
  process.stderr.write(`fetching ${spec} …\n`);
  mkdirSync(join(CACHE, 'corpora'), { recursive: true });
  const temporary = mkdtempSync(join(CACHE, 'corpora', '.fetch-'));
  try {
    run('npm', ['pack', spec, '--loglevel=error', '--pack-destination', temporary], temporary, spec);
    const tarball = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
    if (tarball === undefined) throw new Error(`npm pack ${spec} left no tarball`);
    const extracted = join(temporary, 'package');
    mkdirSync(extracted);
    run('tar', ['-xzf', join(temporary, tarball), '-C', extracted, '--strip-components=1'], temporary, spec);
    renameSync(extracted, place);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return place;
}

function run(command: string, args: string[], cwd: string, spec: string): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  const said = error?.message ?? `${stderr}${stdout}`.trim();
  throw new Error(
    `can't fetch ${spec} (\`${command}\` exited with ${status}). The first run needs the npm registry; later runs use .cache/corpora. ${said}`,
  );
}

/** Absolute paths of the files that a manifest lists. */
export function toFiles(corpus: Corpus, entries: readonly { readonly path: string }[]): string[] {
  return entries.map(({ path }) => {
    if (path.includes('\\')) throw new Error(`${corpus.name}: ${path} is escaped; the bench reads plain names only`);
    return path === '.' ? corpus.path : join(corpus.path, path);
  });
}

/** Adds every directory of the corpus that holds one of the files. */
export function withDirectories({ path }: Corpus, files: readonly string[]): string[] {
  const directories = new Set<string>();
  for (const file of files) {
    for (let at = dirname(file); at.startsWith(path) && !directories.has(at); at = dirname(at)) directories.add(at);
  }
  return [...files, ...directories];
}
