import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { itWithLinks } from '../helpers/links.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { makeFifo } from '../helpers/specials.ts';
import { writeTree } from '../helpers/temp.ts';
import { makeSharedTemp, overwriteUnseen, writePackage } from '../helpers/tree.ts';
import { notRacy, settled } from '../helpers/wait.ts';

const withFifos = needs('mkfifo', hasProgram('mkfifo'));
const temp = makeSharedTemp();

interface Place {
  root: string;
  /** Beside the package. Links in its dist lead there; what happens here moves nothing in the package itself. */
  out: string;
}

/** @param special whether there is a link to nothing and one in a loop, which are looked at in ways of their own */
function makePlace(name: string, special: boolean): Place {
  const root = writePackage(join(temp, name, 'root'), { 'dist/a.js': 'a', 'dist/sub/b.js': 'b' });
  const out = join(temp, name, 'out');
  writeTree(out, { 'file.js': 'one', 'd/x.js': 'x', 'e/y.js': 'y' });
  symlinkSync('d', join(out, 'chosen'));
  const links = { file: 'file.js', directory: 'd', chosen: 'chosen', ...(special && { maybe: 'not-yet' }) };
  for (const [at, target] of Object.entries(links)) symlinkSync(`../../out/${target}`, join(root, 'dist', at));
  if (special) symlinkSync('..', join(root, 'dist/cycle'));
  return { root, out };
}

type Change = readonly [what: string, change: (place: Place) => void, it?: typeof itWithLinks];

const changes: Change[] = [
  ['the content of a file that a link leads to', ({ out }) => overwriteUnseen(join(out, 'file.js'), 'two')],
  ['the content of a file in a directory that a link leads to', ({ out }) => overwriteUnseen(join(out, 'd/x.js'), 'X')],
  ['a file added to a directory that a link leads to', ({ out }) => writeTree(out, { 'd/z.js': 'z' })],
  ['a link between, led to another directory', ({ out }) => relink('e', join(out, 'chosen'))],
  ['a link to a directory, led to another', ({ root }) => relink('../../out/e', join(root, 'dist/directory'))],
  ['a link to a file, led to a directory', ({ root }) => relink('../../out/d', join(root, 'dist/file'))],
  ['a link to a file that is gone', ({ out }) => unlinkSync(join(out, 'file.js'))],
  ['a link to a directory that is gone', ({ out }) => rmSync(join(out, 'd'), { recursive: true })],
  ['a file that a link leads to, become a directory', ({ out }) => replaceBy(join(out, 'file.js'), 'directory')],
  ['a file that a link leads to, become a pipe', ({ out }) => replaceBy(join(out, 'file.js'), 'pipe'), withFifos],
  ['a link between that leads back to the package now', ({ root, out }) => relink(root, join(out, 'chosen'))],
  ['a file become a pipe', ({ root }) => replaceBy(join(root, 'dist/a.js'), 'pipe'), withFifos],
];

const changesOfSpecials: Change[] = [
  ['the text of a link to nothing', ({ root }) => relink('../../out/never', join(root, 'dist/maybe'))],
  ['a link to nothing that leads to a file now', ({ out }) => writeFileSync(join(out, 'not-yet'), '')],
  ['a link to nothing that leads to a directory now', ({ out }) => writeTree(out, { 'not-yet/f': '' })],
  ['a link to nothing that leads to a pipe now', ({ out }) => makeFifo(join(out, 'not-yet')), withFifos],
  ['a link in a loop that leads to a directory now', ({ root }) => relink('sub', join(root, 'dist/cycle'))],
];

function relink(target: string, at: string): void {
  unlinkSync(at);
  symlinkSync(target, at);
}

function replaceBy(at: string, what: 'directory' | 'pipe'): void {
  unlinkSync(at);
  if (what === 'directory') mkdirSync(at);
  else makeFifo(at);
}

const cases = [
  ...changes.map((change) => ({ change, special: false })),
  ...[...changes, ...changesOfSpecials].map((change) => ({ change, special: true })),
].map((each, i) => ({ ...each, place: makePlace(`${i}`, each.special) }));
const spare = makePlace('spare', false);
if (hasProgram('mkfifo')) makeFifo(join(spare.root, 'dist/pipe'));

beforeAll(notRacy);

describe('a warm detector sees, as a cold one does,', () => {
  for (const { change, special, place } of cases) {
    const [what, make, itHere = itWithLinks] = change;
    itHere(`${what}${special ? ', in a tree with links that lead nowhere' : ''}`, async () => {
      const detector = createDetector({ path: place.root, settleMs: 1 });
      expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead: 0, directoriesRead: 0 });
      make(place);
      const cold = fingerprintOf(place.root);
      expect(cold).not.toBe(detector.baseline.fingerprint);
      expect(await settled(detector)).toMatchObject({ verdict: 'changed', fingerprint: cold });
    });
  }
});

withFifos('a pipe is not opened, and nothing else read, when a file is added elsewhere', () => {
  const detector = createDetector({ path: spare.root, settleMs: 60_000 });
  writeTree(spare.root, { 'dist/sub/new.js': 'new' });
  const check = detector.checkSync();
  expect(check).toMatchObject({ verdict: 'settling', fingerprint: fingerprintOf(spare.root), filesRead: 1 });
  expect(check.directoriesRead).toBeLessThanOrEqual(2); // to compare it, and then to list it
});
