/** What people make one file of a host with, each with its default options for Node, or for Bun. */

import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { repository } from '../helpers/run.ts';
import { must } from './managers.ts';
import { fetchBun, fetchNode, fetchTool, fetchTsdown } from './tools.ts';

export interface Bundler {
  readonly name: string;
  /** All that it takes; one is undefined where it can't be had. */
  readonly needs: readonly (string | undefined)[];
  /** Words before the bundle; none where it is an executable. */
  readonly runtime: readonly string[];
  /** Makes `to`, in the same folder, of the module `from`. */
  readonly bundle: (from: string, to: string) => Promise<unknown>;
  /** The extension of what it makes. */
  readonly extension: string;
}

const node = process.execPath;
const node22 = fetchNode('22') as string;
const node26 = fetchNode('26') as string;
const bun = fetchBun() as string;
const rollup = fetchTool('rollup@4.68.1') as string;
const resolver = fetchTool('@rollup/plugin-node-resolve@16.0.3') as string;
const commonjs = fetchTool('@rollup/plugin-commonjs@29.0.2') as string;
const webpack = fetchTool('webpack@5.108.0') as string;
const tsdown = fetchTsdown() as string;

const inModules = (path: string) => join(repository, 'node_modules', path);
const esbuild = [inModules('.bin/esbuild'), '--bundle', '--platform=node'];
const rolldown = [node, inModules('rolldown/bin/cli.mjs'), '--platform', 'node'];
const rollupWith = [node, join(`${rollup}`, 'dist/bin/rollup'), '-p', `${resolver}`, '-p', `${commonjs}`];

/** Runs it on the module, in its folder. */
const by =
  (toCommand: (from: string, to: string) => readonly string[]): Bundler['bundle'] =>
  (from, to) =>
    must(toCommand(from, to), dirname(from));

const onNode = { needs: [], runtime: [node] };
const onBun = { needs: [bun], runtime: [bun] };

export const BUNDLERS: readonly Bundler[] = [
  {
    ...onNode,
    name: 'esbuild, ESM',
    extension: '.mjs',
    bundle: by((from, to) => [...esbuild, '--format=esm', from, `--outfile=${to}`]),
  },
  {
    ...onNode,
    name: 'esbuild, CommonJS',
    extension: '.cjs',
    bundle: by((from, to) => [...esbuild, from, `--outfile=${to}`]),
  },
  {
    ...onNode,
    name: 'esbuild, CommonJS, minified',
    extension: '.cjs',
    bundle: by((from, to) => [...esbuild, '--minify', from, `--outfile=${to}`]),
  },
  {
    ...onNode,
    name: 'rollup, ESM',
    needs: [rollup, resolver, commonjs],
    extension: '.mjs',
    bundle: by((from, to) => [...rollupWith, '-f', 'es', '-i', from, '-o', to]),
  },
  {
    ...onNode,
    name: 'rollup, CommonJS',
    needs: [rollup, resolver, commonjs],
    extension: '.cjs',
    bundle: by((from, to) => [...rollupWith, '-f', 'cjs', '-i', from, '-o', to]),
  },
  {
    ...onNode,
    name: 'rolldown, ESM',
    extension: '.mjs',
    bundle: by((from, to) => [...rolldown, '-f', 'esm', from, '-o', to]),
  },
  {
    ...onNode,
    name: 'rolldown, CommonJS',
    extension: '.cjs',
    bundle: by((from, to) => [...rolldown, '-f', 'cjs', from, '-o', to]),
  },
  {
    ...onNode,
    name: 'tsdown',
    needs: [node22, tsdown],
    extension: '.mjs',
    bundle: by((from, to) => [node22, tsdown, from, '--no-dts', '--no-config', '--no-clean', '-d', dirname(to)]),
  },
  { ...onNode, name: 'webpack', needs: [webpack], extension: '.cjs', bundle: bundleWithWebpack },
  {
    ...onBun,
    name: 'bun, ESM',
    extension: '.mjs',
    bundle: by((from, to) => [bun, 'build', '--target=bun', from, '--outfile', to]),
  },
  {
    ...onBun,
    name: 'bun, CommonJS',
    extension: '.cjs',
    bundle: by((from, to) => [bun, 'build', '--target=bun', '--format=cjs', from, '--outfile', to]),
  },
  {
    ...onNode,
    name: 'bun, CommonJS for Node, minified',
    needs: [bun],
    extension: '.cjs',
    bundle: by((from, to) => [bun, 'build', '--target=node', '--format=cjs', '--minify', from, '--outfile', to]),
  },
  {
    name: 'bun, compiled',
    needs: [bun],
    runtime: [],
    extension: '',
    bundle: by((from, to) => [bun, 'build', '--compile', from, '--outfile', to]),
  },
  {
    name: 'bun, compiled to bytecode',
    needs: [bun],
    runtime: [],
    extension: '',
    bundle: by((from, to) => [bun, 'build', '--compile', '--bytecode', from, '--outfile', to]),
  },
  { name: 'Node 26, single executable, CommonJS', ...toSingleExecutable('commonjs') },
  { name: 'Node 26, single executable, ESM', ...toSingleExecutable('module') },
];

async function bundleWithWebpack(from: string, to: string): Promise<void> {
  const options = {
    mode: 'production',
    target: 'node',
    entry: from,
    output: { path: dirname(to), filename: basename(to) },
  };
  const script = `
    require(${JSON.stringify(webpack)})(${JSON.stringify(options)}, (error, stats) => {
      if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
    });`;
  await must([node, '-e', script], dirname(from));
}

function toSingleExecutable(mainFormat: 'commonjs' | 'module'): Omit<Bundler, 'name'> {
  return {
    needs: [node26],
    runtime: [],
    extension: '',
    async bundle(from, to) {
      const main = `${to}.main.js`;
      const config = `${to}.json`;
      await must(
        [...esbuild, `--format=${mainFormat === 'module' ? 'esm' : 'cjs'}`, from, `--outfile=${main}`],
        dirname(from),
      );
      writeFileSync(config, JSON.stringify({ main, mainFormat, output: to, disableExperimentalSEAWarning: true }));
      await must([node26, '--build-sea', config], dirname(from));
    },
  };
}
