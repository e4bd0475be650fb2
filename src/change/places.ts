/**
 * Where a change of a tree would show: the directories to listen to (watch-directories.ts).
 *
 * In a directory that was listed, every name matters. In one that only leads to the tree, one name does: a package manager may rename a
 * whole folder there, a deployment may swap a link, and what is away may come back.
 * @module
 */

import { readlinkSync } from 'node:fs';
import { parse } from 'node:path';
import { type ListedDirectory, parentOf } from '../disk/directory.ts';
import type { Listing } from '../disk/list.ts';
import { isPlain, toFsPath, toRaw } from '../disk/raw-path.ts';
import { type FileId, lstatOrNothing, STATS_A_PAUSE, statOrNothing } from '../disk/stat.ts';
import { toSlashes } from '../platform/paths.ts';
import { SEAL_NAME } from '../scan/coverage.ts';
import type { Scan } from '../scan/scan.ts';
import { PAUSE, type Work } from '../steps.ts';

/** A directory to listen to. */
export interface Place {
  /** For `node:fs`. */
  readonly at: string | Buffer;
  /** The names in it that matter, raw (raw-path.ts). Null: all do. */
  readonly names: ReadonlySet<string> | null;
}

/** By device and inode, so that another directory at the same path is another place. Those that lead to the tree come first. */
export type Places = ReadonlyMap<string, Place>;

/** Whether it was an event in this place that may mean something. Names that are not plain are not compared. */
export function matters(name: string | null, place: Place | undefined): boolean {
  if (place === undefined) return false;
  const { names } = place;
  return names === null || name === null || !isPlain(name) || names.has(name) || names.has(withoutTrace(name));
}

/** npm moves a package that it replaces to `.NAME-HASH` (npm-traces.ts): whose trace it is. */
const withoutTrace = (name: string) => (name.startsWith('.') ? name.slice(1, name.lastIndexOf('-')) : name);

/**
 * Remembers the places of the tree at `root` (absolute), and of the way to `beside`. They are made anew only where they have changed.
 */
export function createPlaces(root: string, beside?: string): (pass: Scan | null) => Work<Places> {
  let last: { readonly waysKey: string; readonly listing: Listing | null; readonly places: Places } | undefined;
  let named: { readonly listing: Listing; readonly paths: readonly string[] } | undefined;

  return function* places(pass) {
    const listing = pass?.listing ?? null;
    if (listing !== null && named?.listing !== listing) named = { listing, paths: yield* findNamed(listing) };
    const inRoot = pass?.subject.globs === null ? [] : ['package.json', SEAL_NAME, 'dist'];
    const ways: Ways = new Map();
    const end = walkFromTop(root, ways);
    const below = [...inRoot, ...(named?.paths ?? []), ...(listing?.absent ?? [])];
    for (const path of end === undefined ? [] : below) {
      yield PAUSE;
      walk(end as string, path, ways);
    }
    if (beside !== undefined) walkFromTop(beside, ways);
    const waysKey = JSON.stringify([...ways].map(([id, { names }]) => [id, ...names]));
    if (last?.listing !== listing || last.waysKey !== waysKey) {
      last = { waysKey, listing, places: yield* merge(ways, listing?.directories) };
    }
    return last.places;
  };
}

/** Raw paths of the files whose directory was not listed: a pattern without a wildcard names them. */
function* findNamed({ files, directories }: Listing): Work<string[]> {
  const named: string[] = [];
  for (let i = 0; i < files.length; i++) {
    if (i % (STATS_A_PAUSE * 16) === 0) yield PAUSE;
    const file = files[i] as string;
    if (file !== '.' && !directories.has(parentOf(file))) named.push(file);
  }
  return named;
}

type Ways = Map<string, { readonly at: string | Buffer; readonly names: Set<string> }>;

function walkFromTop(path: string, ways: Ways): string | undefined {
  const { root: top } = parse(path);
  return walk(toRaw(top), toRaw(path.slice(top.length)), ways);
}

/**
 * Goes from a directory to a path as the kernel does, link for link, and notes each name that is looked up on the way. Returns where that
 * leads (raw); undefined where it leads nowhere.
 */
function walk(from: string, path: string, ways: Ways): string | undefined {
  const rest = split(path);
  let at = from;
  for (let links = 0; rest.length > 0; ) {
    const name = rest.shift() as string;
    if (name === '..') {
      at = parentOf(at) || toRaw(parse(at).root);
      continue;
    }
    note(at, name, ways);
    const next = at.endsWith('/') ? at + name : `${at}/${name}`;
    const stats = lstatOrNothing(toFsPath(next));
    if (stats === undefined) return undefined;
    if (!stats.isSymbolicLink()) {
      at = next;
      continue;
    }
    const target = readLink(next);
    if (target === undefined || ++links > MAX_LINKS) return undefined;
    const top = parse(target).root;
    if (top !== '') at = top;
    rest.unshift(...split(target.slice(top.length)));
  }
  return at;
}

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

const split = (path: string) =>
  toSlashes(path)
    .split('/')
    .filter((name) => name !== '' && name !== '.');

function note(directory: string, name: string, ways: Ways): void {
  const at = toFsPath(directory);
  const stats = statOrNothing(at);
  if (stats === undefined) return;
  const id = toId(stats);
  const way = ways.get(id) ?? { at, names: new Set() };
  ways.set(id, way);
  way.names.add(name);
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(toFsPath(path), 'latin1');
  } catch {
    return undefined; // gone, or no link any more
  }
}

function* merge(ways: Ways, listed: ReadonlyMap<string, ListedDirectory> = new Map()): Work<Places> {
  const places = new Map<string, Place>(ways);
  let count = 0;
  for (const { at, id } of listed.values()) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    places.set(toId(id), { at, names: null });
  }
  return places;
}

const toId = ({ dev, ino }: Pick<FileId, 'dev' | 'ino'>) => `${dev}:${ino}`;
