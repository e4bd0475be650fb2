import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Places } from '../../src/change/places.ts';
import { watchBelow } from '../../src/change/watch-below.ts';
import { makeTemp } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';

/** How long nothing must be heard to count as nothing. */
const QUIET_MS = 300;

function listen(directory: string, places: Places) {
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const heard = { count: 0 };
  const follow = watchBelow(directory, () => heard.count++, over.signal);
  follow(places);
  return { heard, follow, over };
}

const placesOf = (root: string, more: Record<string, readonly string[] | null>): Places =>
  new Map(
    Object.entries(more).map(([path, names]) => [path, { at: join(root, path), names: names && new Set(names) }]),
  );

it('wakes for what matters below the directory, and for nothing else', async () => {
  const root = makeTemp();
  const { heard, over } = listen(root, placesOf(root, { '.': ['dist', 'package.json'], dist: null }));
  expect(heard.count).toBe(1); // it has begun
  writeFileSync(join(root, 'app.log'), 'x');
  mkdirSync(join(root, 'logs'));
  writeFileSync(join(root, 'logs/a.js'), 'x');
  await sleep(QUIET_MS);
  expect(heard.count).toBe(1);
  mkdirSync(join(root, 'dist'));
  await until('dist', () => (heard.count > 1 ? true : undefined));
  await sleep(QUIET_MS);
  const before = heard.count;
  writeFileSync(join(root, 'dist/a.js'), 'x');
  await until('its file', () => (heard.count > before ? true : undefined));
  over.abort();
  await sleep(QUIET_MS);
  const last = heard.count;
  writeFileSync(join(root, 'dist/b.js'), 'x');
  await sleep(QUIET_MS);
  expect(heard.count).toBe(last);
});

it('does not listen where nothing lies below, nor to a whole home or drive', () => {
  const [root, other] = [makeTemp(), makeTemp()];
  expect(listen(root, placesOf(other, { '.': null })).heard.count).toBe(0);
  expect(listen(homedir(), placesOf(homedir(), { '.': null })).heard.count).toBe(0);
  const { heard, follow } = listen(root, placesOf(other, { '.': null }));
  follow(placesOf(root, { '.': ['package.json'] }));
  expect(heard.count).toBe(1);
});
