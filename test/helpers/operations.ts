/** Real file-system operations on a package, drawn at random (properties.test.ts, races.test.ts). */

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { writeTree } from './temp.ts';
import {
  age,
  anyDirectory,
  CONTENTS,
  copyTree,
  DIRECTORIES,
  list,
  NAMES,
  type Operation,
  packageOf,
  pick,
  readPackage,
  replaceBy,
  toDirectory,
  toFile,
  toGitArguments,
  type World,
} from './world.ts';

/** An operation by its name, and what it picks by. */
export interface Drawn {
  name: string;
  a: number;
  b: number;
}

function awayAndBack(path: string): void {
  fs.renameSync(path, `${path}.away`);
  fs.renameSync(`${path}.away`, path);
}

const git = ({ root, template }: World, ...args: string[]) =>
  execFileSync('git', [...toGitArguments(template.repository, root), ...args], { cwd: root, stdio: 'ignore' });
const rsync = (...args: string[]) => execFileSync('rsync', ['--delete', ...args]);

/** These leave every content as it was, in a tree as it was at the start. */
export const benign: Record<string, Operation> = {
  touch: toFile((path) => fs.utimesSync(path, new Date(), new Date())),
  touchAll: (world) => {
    for (const path of list(world, 'file')) fs.utimesSync(path, new Date(), new Date());
  },
  'utimes back and forth': toFile((path, b) => {
    fs.utimesSync(path, b, b);
    age(path);
  }),
  'touch directory': toDirectory((path, b) => fs.utimesSync(path, b, b)),
  chmod: toFile((path, b) => fs.chmodSync(path, b % 2 === 0 ? 0o755 : 0o644)),
  'hard link': toFile((path, b, { store }) => {
    fs.rmSync(join(store, `hard${b % 3}`), { force: true });
    fs.linkSync(path, join(store, `hard${b % 3}`));
  }),
  'break hard link': toFile((path) => replaceBy(path, fs.readFileSync(path))),
  'copy over in place': toFile((path) => fs.writeFileSync(path, fs.readFileSync(path))),
  'add and remove': (world, a) => {
    const path = join(anyDirectory(world, a), '.passing');
    fs.writeFileSync(path, '');
    fs.rmSync(path);
  },
  'empty directory': (world, a, b) => {
    const path = join(anyDirectory(world, a), `empty${b % 2}`);
    if (!fs.existsSync(path)) fs.mkdirSync(path);
    else if (fs.readdirSync(path).length === 0) fs.rmdirSync(path);
  },
  'file away and back': toFile(awayAndBack),
  'directory away and back': toDirectory(awayAndBack),
  'dist away and back': ({ root }) => awayAndBack(join(root, 'dist')),
  'package away and back': ({ root }) => awayAndBack(root),
  'reformat package.json': (world, a) =>
    fs.writeFileSync(packageOf(world), JSON.stringify({ ...readPackage(world), extra: a }, null, a % 5)),
  'rewrite links': (world) => {
    for (const path of list(world, 'link')) {
      const target = fs.readlinkSync(path);
      fs.unlinkSync(path);
      fs.symlinkSync(target, path);
    }
  },
};

/** Likewise, with programs that take longer than a system call. */
export const benignSlow: Record<string, Operation> = {
  'rsync -a': (world) => void rsync('-a', `${world.template.root}/`, world.root),
  'rsync without times': (world) => void rsync('-rlpgoD', '--checksum', `${world.template.root}/`, world.root),
  'rsync without times nor care': (world) => void rsync('-rlpgoD', '-I', `${world.template.root}/`, world.root),
  'git there and back': (world) => {
    git(world, 'checkout', '-qf', 'other');
    git(world, 'checkout', '-qf', 'main');
  },
};

/** These may leave something else behind. The model tells. */
export const content: Record<string, Operation> = {
  write: toFile((path, b) => fs.writeFileSync(path, pick(CONTENTS, b))),
  'write with mtime restored': toFile((path, b) => {
    const { length } = fs.readFileSync(path);
    fs.writeFileSync(path, `${b}`.padEnd(length, 'x').slice(0, length));
    age(path);
  }),
  replace: toFile((path, b) => replaceBy(path, pick(CONTENTS, b))),
  append: toFile((path) => fs.appendFileSync(path, 'x')),
  truncate: toFile((path, b) => fs.truncateSync(path, Math.min(b % 5, fs.statSync(path).size))),
  add: (world, a, b) => {
    const path = join(anyDirectory(world, a), pick(NAMES, b));
    if (!fs.existsSync(path)) fs.writeFileSync(path, pick(CONTENTS, a + b));
  },
  delete: toFile((path) => fs.rmSync(path)),
  'delete link': (world, a) => {
    const links = list(world, 'link');
    if (links.length > 0) fs.unlinkSync(pick(links, a));
  },
  mkdir: (world, a, b) => {
    const path = join(anyDirectory(world, a), pick(DIRECTORIES, b));
    if (!fs.existsSync(path)) writeTree(path, { [pick(NAMES, b)]: pick(CONTENTS, a) });
  },
  rmdir: toDirectory((path) => fs.rmSync(path, { recursive: true })),
  rename: toFile((path, b, world) => fs.renameSync(path, join(anyDirectory(world, b), `r${b % 3}`))),
  'swap two files': toFile((path, b, world) => {
    const other = pick(list(world, 'file'), b);
    fs.renameSync(path, `${path}.swap`);
    if (other !== path) fs.renameSync(other, path);
    fs.renameSync(`${path}.swap`, other);
  }),
  link: (world, a, b) => {
    const path = join(anyDirectory(world, a), `l${b % 3}`);
    const target = pick(['file', 'd', 'e', 'comes', 'chosen'], a + b);
    fs.rmSync(path, { force: true, recursive: true });
    fs.symlinkSync(b % 7 === 0 ? pick(['.', '..', 'nowhere', 'f0'], a) : join(world.store, target), path);
  },
  'write behind a link': ({ store }, a, b) =>
    writeTree(store, { [pick(['file', 'd/f0', 'e/f0'], a)]: pick(CONTENTS, b) }),
  'lead a link between elsewhere': ({ root, store }, a) => {
    fs.rmSync(join(store, 'chosen'), { force: true });
    fs.symlinkSync(pick(['d', 'e', 'file', 'nothing', join(root, 'dist')], a), join(store, 'chosen'));
  },
  'come and go behind a link': ({ store, template }, a) => {
    const path = join(store, 'comes');
    fs.rmSync(path, { recursive: true, force: true });
    if (a % 4 === 1) fs.writeFileSync(path, 'come');
    if (a % 4 === 2) writeTree(path, { f0: 'come' });
    if (a % 4 === 3) fs.linkSync(template.pipe, path);
  },
  'bump version': (world, a) =>
    fs.writeFileSync(packageOf(world), JSON.stringify({ ...readPackage(world), version: `1.0.${a % 3}` })),
  restore: ({ root, store, template }, a) => {
    writeTree(store, { file: 'stored', 'd/f0': 'stored', 'e/f0': 'STORED' });
    fs.rmSync(join(root, 'dist'), { recursive: true });
    for (const name of ['dist', 'package.json']) copyTree(join(template.root, name), join(root, name), a % 2 === 0);
  },
};

const removeDist = ({ root }: World) => fs.rmSync(join(root, 'dist'), { recursive: true, force: true });

/** These change what it is that counts, which the model knows nothing of: whether there is a `dist`, and a file that `bin` names. */
export const upheaval: Record<string, Operation> = {
  'remove dist': removeDist,
  'make dist': ({ root }) => fs.mkdirSync(join(root, 'dist')),
  'build dist anew': (world) => {
    removeDist(world);
    copyTree(join(world.template.root, 'dist'), join(world.root, 'dist'), false);
  },
  'swap dist': ({ root, template }) => {
    const dist = join(root, 'dist');
    fs.rmSync(`${dist}.old`, { recursive: true, force: true });
    copyTree(join(template.root, 'dist'), `${dist}.next`, false);
    fs.renameSync(dist, `${dist}.old`);
    fs.renameSync(`${dist}.next`, dist);
  },
  'make dist a link': (world, a) => {
    removeDist(world);
    fs.symlinkSync(pick(['src', join(world.store, 'd'), 'nowhere', '.', 'dist'], a), join(world.root, 'dist'));
  },
  'write sources': ({ root }, a) => writeTree(root, { [pick([BIN, 'src/f1', 'src/d/f0'], a)]: pick(CONTENTS, a) }),
  'remove sources': ({ root }, a) => {
    fs.rmSync(join(root, 'src'), { recursive: true, force: true });
    if (a % 2 === 0) fs.symlinkSync('src', join(root, 'src'));
  },
};

/** What `bin` is to name. */
export const BIN = 'src/f0';
