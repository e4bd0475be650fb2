import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repository } from './helpers/run.ts';

/** The order of CONTRIBUTING.md: a room imports only from itself and from rooms before it. */
const ROOMS = [
  '.',
  'platform',
  'disk',
  'scan',
  'manifest',
  'change',
  'runner/role',
  'runner/supervisor',
  'runner/handoff',
  'runner',
  'cli/run',
  'cli/bench',
  'cli',
];
/** At the root of `src/`: what every room may import. The rest there are doors, which nobody inside imports. */
const SHARED = ['errors.ts', 'steps.ts'];
const DOORS = ['drop-in.ts', 'index.ts'];

interface Import {
  readonly from: string;
  readonly to: string;
}

const sources = findSources('src');
const imports = findAllImports('src');

function findSources(folder: string): string[] {
  const found = readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' });
  return found.filter((file) => file.endsWith('.ts')).sort();
}

function findAllImports(folder: string): Import[] {
  return findSources(folder).flatMap((file) => findImports(file, readFileSync(join(repository, folder, file), 'utf8')));
}

function findImports(file: string, text: string): Import[] {
  const specifiers = text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']*)'/g);
  return [...specifiers].map(([, path = '']) => ({ from: file, to: normalize(join(dirname(file), path)) }));
}

/** The imports that turn against the order. */
function findOffences(found: readonly Import[]): string[] {
  const floor = (file: string) => ROOMS.indexOf(dirname(file));
  const isAllowed = ({ from, to }: Import) => {
    if (dirname(to) === '.') return SHARED.includes(to);
    return floor(to) <= floor(from) || DOORS.includes(from);
  };
  return found.filter((each) => !isAllowed(each)).map(({ from, to }) => `${from} imports ${to}`);
}

/** The files that import themselves by way of others. */
function findCircles(found: readonly Import[]): string[] {
  const importsOf = new Map<string, string[]>();
  for (const { from, to } of found) importsOf.set(from, [...(importsOf.get(from) ?? []), to]);
  const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
    (importsOf.get(from) ?? []).some((to) => {
      if (to === goal) return true;
      if (seen.has(to)) return false;
      seen.add(to);
      return reaches(to, goal, seen);
    });
  return [...importsOf.keys()].filter((file) => reaches(file, file));
}

describe('the rooms of src/', () => {
  it('are those of CONTRIBUTING.md, and each file stands in one', () => {
    expect(new Set(sources.map(dirname))).toEqual(new Set(ROOMS));
    expect(sources.filter((file) => dirname(file) === '.')).toEqual([...SHARED, ...DOORS].sort());
    expect(imports.length).toBeGreaterThan(100);
  });

  it('import only from rooms to their left', () => {
    expect(findOffences(imports)).toEqual([]);
  });

  it('hold no circle of imports', () => {
    expect(findCircles(imports)).toEqual([]);
  });

  it('are guarded: each import, turned round, is an offence or a circle', () => {
    const between = imports.filter(({ from, to }) => dirname(from) !== dirname(to));
    expect(between.length).toBeGreaterThan(50);
    for (const { from, to } of between) {
      const turned = [...imports, { from: to, to: from }];
      expect([...findOffences(turned), ...findCircles(turned)], `${to} imports ${from}`).not.toEqual([]);
    }
  });
});

describe('the platform', () => {
  const ASKS = /\bprocess\.platform\b|\bos\.platform\(|\bimport \{[^}]*\bplatform\b[^}]*\} from 'node:os'|\/proc\//;
  const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
  const asks = (file: string) => ASKS.test(withoutComments(readFileSync(join(repository, 'src', file), 'utf8')));

  it('is asked for in its own room alone', () => {
    expect(sources.filter((file) => dirname(file) !== 'platform').filter(asks)).toEqual([]);
  });

  it('is asked for there, and so the check sees who asks', () => {
    expect(sources.filter(asks)).toEqual(
      expect.arrayContaining(['index.ts', 'paths.ts', 'proc.ts'].map((file) => `platform/${file}`)),
    );
  });
});

describe('bench/', () => {
  const found = findAllImports('bench');

  it('holds no circle of imports', () => {
    expect(found.length).toBeGreaterThan(50);
    expect(findCircles(found)).toEqual([]);
  });

  it('is guarded: an import turned round is a circle', () => {
    const [{ from, to } = { from: '', to: '' }] = found;
    expect(findCircles([...found, { from: to, to: from }])).toContain(from);
  });
});
