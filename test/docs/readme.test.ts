import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repository } from '../helpers/run.ts';
import { BLOCKS, PAGES, readPage } from './pages.ts';

const readme = readPage('README.md');

describe('the README', () => {
  it('has at most 150 lines and 1,300 words', () => {
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
    expect(readme.split(/\s+/).filter((word) => word !== '').length).toBeLessThanOrEqual(1_300);
  });

  it('says near the top how to install it, and both commands for who works on it', () => {
    const top = readme.split('\n').slice(0, 20).join('\n');
    for (const command of ['npm install distprint', 'npm ci && npm start', 'npm test']) expect(top).toContain(command);
  });

  it('leads to each page', () => {
    for (const page of PAGES.filter((page) => page !== 'README.md')) expect(readme).toContain(`](${page})`);
  });
});

/** A heading's anchor, as GitHub makes it. */
const toAnchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const links = PAGES.flatMap((page) =>
  [
    ...readPage(page)
      .replace(/^```.*?^```$/gms, '')
      .matchAll(/\]\(([^)]+)\)/g),
  ].map(([, to = '']) => ({ page, to })),
).filter(({ to }) => !/^https?:/.test(to));

describe('links', () => {
  it.each(links)('in $page to $to lead somewhere', ({ page, to }) => {
    const [path = '', anchor] = to.split('#');
    const target = path === '' ? page : normalize(join(dirname(page), path));
    expect(existsSync(join(repository, target)), target).toBe(true);
    if (anchor === undefined) return;
    const headings = [...readPage(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => toAnchor(heading));
    expect(headings).toContain(anchor);
  });

  it('to other sites are few', () => {
    const others = PAGES.flatMap((page) =>
      [...readPage(page).matchAll(/https?:\/\/(?!127\.|:4000)[^\s)]+/g)].map(([url]) => url),
    );
    expect(others).toEqual(['https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash']);
  });
});

describe('paths of the repository that a page names', () => {
  const named = PAGES.flatMap((page) =>
    [...readPage(page).matchAll(/`((?:src|test|fixtures|docs)\/[\w./-]+)`/g)].map(([, path = '']) => ({ page, path })),
  );

  it.each(named)('$page: $path is there', ({ path }) => {
    expect(existsSync(join(repository, path))).toBe(true);
  });
});

/** Blocks that no other test runs, and why; each begins so. */
const NOT_RUN: Record<string, string> = {
  'npm install distprint': 'it is installed by test/package.test.ts',
  'npm ci && npm start': '.ci/run runs npm ci and npm test; npm start does not end',
  'distprint [fingerprint] <path>...': 'the usage; compared with --help in fields.test.ts',
  'distprint run [options] --': 'the usage; the options are compared with --help in fields.test.ts',
  'distprint run -- node dist/server.js ': 'they do not end; test/cli/run has each',
  'npx distprint run -- node dist/server.js ': 'they do not end; test/cli/run has each',
  'const given = process.env.LISTEN_PID': 'test/e2e/listen.test.ts runs each in its server',
  '[Service]\nExecStart=/usr/bin/distprint run': 'a unit; the programs in it are not here',
  'distprint manifest 1 ': 'the format with its explanations; manifest.test.ts has it to the byte',
  '$ distprint status\nrunner     process':
    'PIDs, paths and times are made up; examples.test.ts compares the rest with a daemon that runs',
  '$ distprint status | tail': 'the same; test/cli/explain.test.ts has each line of a busy runner',
  'eval "$(distprint completion bash)"': 'files of a user; test/cli/completion.test.ts sources each script',
  '- hosts: web': 'a playbook; its machines are not here',
  '[Timer]\nOnCalendar': 'a timer; systemd draws its times',
  'apt-get install prometheus-node-exporter':
    'it changes the machine; test/fleet/ sets up the same in a folder of its own',
  'git worktree add ../base': 'ci.test.ts runs the same in the steps for GitHub and GitLab',
  'name: bench\n': 'ci.test.ts runs its steps',
  '- run: npx distprint bench . --quick --format github': 'ci.test.ts runs its step',
  'bench:\n': 'ci.test.ts runs its script',
  'platform  ->  disk': 'a drawing; below, its order is compared with rooms.test.ts',
};

it('CONTRIBUTING.md draws the rooms in the order that is checked', () => {
  const [, drawn = ''] = /^(platform .*)$/m.exec(readPage('CONTRIBUTING.md')) ?? [];
  const [, checked = ''] = /const ROOMS = \[(.*?)\]/s.exec(readPage('test/rooms.test.ts')) ?? [];
  const rooms = [...checked.matchAll(/'([\w/]+)'/g)].map(([, room]) => room);
  expect(drawn.split(/ +-> +/)).toEqual(rooms);
});

/** test/fleet/ asks each query of a real Prometheus; `npm run compare` runs what it writes into docs/compare.md. */
describe('a block that is no console, no example and no query', () => {
  const others = BLOCKS.filter(
    ({ page, language }) => page !== 'docs/compare.md' && !['console', 'ts', 'promql'].includes(language),
  );

  it.each(others)('$page:$line is known, with the reason why it is not run', ({ code }) => {
    expect(Object.keys(NOT_RUN).filter((start) => code.startsWith(start))).toHaveLength(1);
  });

  it('is still there for each reason', () => {
    const unused = Object.keys(NOT_RUN).filter((start) => !others.some(({ code }) => code.startsWith(start)));
    expect(unused).toEqual([]);
  });
});
