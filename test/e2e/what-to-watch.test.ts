import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bunTakesValue, nodeTakesValue } from '../../src/cli/run/runtimes.ts';
import { whatToWatch } from '../../src/cli/run/what-to-watch.ts';
import { needs } from '../helpers/needs.ts';
import { run } from '../helpers/run.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { environment, isAvailable, manage, managers, must } from './managers.ts';
import { fetchBun, fetchNode } from './tools.ts';

const INSTALLED = { settleMs: 2_000 };

/** A package with a command, as it is published. */
function packTool(version = '1.0.0'): string {
  const root = makePackage({
    'package.json': { name: '@scope/tool', version, bin: { tool: 'bin/cli.js' } },
    'bin/cli.js': '#!/usr/bin/env node\nconsole.log(__filename);\n',
  });
  const place = makeTemp();
  const name = execFileSync('npm', ['pack', '--silent', '--pack-destination', place], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
  return join(place, name);
}

/** What is watched is still what an upgrade has replaced. */
const versionAt = (path: string) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).version as string;

/** What runs is where it says that it runs: the script that the shim starts tells its own path. */
async function expectItsOwn(command: readonly string[], path: string, cwd: string, env = process.env): Promise<void> {
  const found = whatToWatch(command, env, cwd);
  expect(found).toMatchObject(INSTALLED);
  const { stdout } = await run(command, { cwd, env });
  expect(realpathSync(found.path)).toBe(realpathSync(join(stdout.trim(), '../..')));
  expect(realpathSync(found.path)).toBe(realpathSync(path));
}

describe('a command that a package manager has installed', () => {
  for (const manager of managers) {
    needs(manager.name, isAvailable(manager))(
      `is in its own package: ${manager.name}`,
      { timeout: 120_000 },
      async () => {
        const project = join(realpathSync(makeTemp()), ` it's "a" $HOME é`);
        mkdirSync(project);
        writeFileSync(join(project, 'package.json'), '{"name": "project", "private": true}');
        await manage(manager, project, 'add', packTool());
        const tool = join(project, 'node_modules/@scope/tool');
        await expectItsOwn(['node_modules/.bin/tool'], tool, project);
        const PATH = `${join(project, 'node_modules/.bin')}:${process.env.PATH}`;
        await expectItsOwn(['tool'], tool, '/', { ...process.env, PATH });
        const { path } = whatToWatch(['tool'], { PATH }, '/');
        await manage(manager, project, 'add', packTool('2.0.0'));
        expect(versionAt(path)).toBe('2.0.0');
      },
    );
  }

  const pnpm = managers.find(({ name }) => name === 'pnpm');
  const bun = fetchBun();
  const GLOBAL = { timeout: 120_000 };

  it('globally with npm', GLOBAL, async () => {
    const prefix = realpathSync(makeTemp());
    await must(['npm', 'install', '--global', '--prefix', prefix, packTool()], prefix);
    await expectItsOwn([join(prefix, 'bin/tool')], join(prefix, 'lib/node_modules/@scope/tool'), '/');
  });

  needs('pnpm', pnpm?.program[0] !== undefined)('globally with pnpm', GLOBAL, async () => {
    const home = realpathSync(makeTemp());
    const env = { ...environment, PNPM_HOME: home, PATH: `${home}:${join(home, 'bin')}:${process.env.PATH}` };
    const add = async (version: string) => {
      const command = [pnpm?.program[0] as string, 'add', '--global', packTool(version)];
      expect(await run(command, { cwd: home, env, timeout: 60_000 })).toMatchObject({ code: 0 });
    };
    await add('1.0.0');
    const found = whatToWatch(['tool'], env, home);
    await expectItsOwn(['tool'], found.path, home, env);
    await add('2.0.0');
    expect(versionAt(found.path)).toBe('2.0.0');
  });

  needs('Bun', bun !== undefined)('globally with bun', GLOBAL, async () => {
    const home = realpathSync(makeTemp());
    const env = { ...environment, BUN_INSTALL: home };
    expect(
      await run([bun as string, 'add', '--global', packTool()], { cwd: home, env, timeout: 60_000 }),
    ).toMatchObject({ code: 0 });
    await expectItsOwn([join(home, 'bin/tool')], join(home, 'install/global/node_modules/@scope/tool'), '/');
  });

  it('by a link to its sources is a project of its own', GLOBAL, async () => {
    const root = makePackage({
      'package.json': { name: 'linked', version: '1.0.0', bin: { linked: 'bin/cli.js' } },
      'bin/cli.js': '#!/usr/bin/env node\n',
    });
    const prefix = realpathSync(makeTemp());
    await must(['npm', 'install', '--global', '--prefix', prefix, root], prefix);
    const found = whatToWatch([join(prefix, 'bin/linked')], process.env, '/');
    expect(found.settleMs).toBe(200);
    expect(realpathSync(found.path)).toBe(realpathSync(root));
  });
});

describe('a compiled executable', () => {
  const bun = fetchBun();
  needs('Bun', bun !== undefined)("is watched itself: Bun's", { timeout: 60_000 }, async () => {
    const root = realpathSync(makePackage({ 'cli.js': 'console.log(1)' }));
    await must([bun as string, 'build', '--compile', '--outfile', 'app', 'cli.js'], root);
    expect(whatToWatch(['./app', 'serve'], process.env, root)).toMatchObject({ path: join(root, 'app'), ...INSTALLED });
  });

  const node = fetchNode('26');
  needs('Node 26', node !== undefined)("is watched itself: Node's", { timeout: 60_000 }, async () => {
    const root = realpathSync(
      makePackage({ 'cli.js': 'console.log(1)', 'sea.json': { main: 'cli.js', output: 'app' } }),
    );
    await must([node as string, '--build-sea', 'sea.json'], root);
    expect(whatToWatch(['./app', 'serve'], process.env, root)).toMatchObject({ path: join(root, 'app'), ...INSTALLED });
  });
});

describe("a runtime's options that take the next word", () => {
  /** What only a test run, a benchmark, or no script at all, has. */
  const OTHERS = /^--(?:test|bench|experimental-test)-|^\[|^(?:-e|-pe|--eval|--run|--stack-trace-limit)$/;
  const SHOW = `
    const { internalBinding } = require('internal/test/binding');
    const binding = internalBinding('options');
    const { options, aliases } = (require('internal/options').getCLIOptionsInfo ?? binding.getCLIOptionsInfo)();
    const { kInteger, kUInteger, kString, kHostPort, kStringList } = binding.types;
    const takes = (name) => [kInteger, kUInteger, kString, kHostPort, kStringList].includes(options.get(name)?.type);
    const short = [...aliases].filter(([name, to]) => !/[= ]/.test(name) && takes(to.at(-1))).map(([name]) => name);
    console.log(JSON.stringify([...options.keys()].filter(takes).concat(short)));`;

  for (const major of ['20', '22', '24', '26'] as const) {
    const node = fetchNode(major);
    needs(`Node ${major}`, node !== undefined)(`are known of Node ${major}`, () => {
      const { stdout } = spawnSync(node as string, ['--no-warnings', '--expose-internals', '-e', SHOW]);
      const all = JSON.parse(stdout.toString()) as string[];
      expect(all.length).toBeGreaterThan(50);
      expect(all.filter((name) => !OTHERS.test(name) && !nodeTakesValue(name))).toEqual([]);
    });
  }

  const bun = fetchBun();
  needs('Bun', bun !== undefined)('are known of Bun', () => {
    const { stdout } = spawnSync(bun as string, ['run', '--help']);
    const all = [...stdout.toString().matchAll(/^ +(?:(-\w), )?\s*(--[\w-]+)=<val>/gm)].flatMap((each) =>
      each.slice(1, 3),
    );
    expect(all.length).toBeGreaterThan(40);
    const isOther = (name: string) => /^--inspect/.test(name);
    expect(all.filter((name) => name !== undefined && !isOther(name) && !bunTakesValue(name))).toEqual([]);
  });
});
