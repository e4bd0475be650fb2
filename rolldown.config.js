/**
 * Builds `dist` from `src`: the doors of the package, and in `dist/chunks` what they share. The packages that are used go in with it.
 * So whoever bundles a host sees static imports only, and nothing in a host's own folder is ever taken for one of ours.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { defineConfig } from 'rolldown';
import { esmExternalRequirePlugin } from 'rolldown/plugins';

const DOORS = ['index', 'drop-in', 'runner/index', 'cli/main'];
const XXHASH = dirname(dirname(createRequire(import.meta.url).resolve('xxhash-wasm')));
const PACKAGES = ['commander', 'fast-glob', 'ms', 'picocolors', 'valibot'];

/** The drop-in has no heartbeat, and does not load it. */
const HEARTBEAT = /src[\\/].*[\\/](?:heartbeat|histogram|metrics|tally)\.ts$/;
const ENGINE = /src[\\/](?:platform[\\/](?:paths|proc)\.|(?:disk|scan|manifest|change|steps|errors)\b)/;

export default defineConfig({
  input: Object.fromEntries(DOORS.map((door) => [door, `src/${door}.ts`])),
  platform: 'node',
  plugins: [
    inlineOnDemand(),
    // A package's `require('os')` becomes an import.
    esmExternalRequirePlugin({ external: builtinModules.flatMap((name) => [name, `node:${name}`]) }),
    compileLater(),
    addLicenses(),
  ],
  output: {
    chunkFileNames: 'chunks/[name].js',
    comments: false,
    // What the doors share is one file: each more takes a fresh process half a millisecond.
    codeSplitting: {
      groups: [
        { name: 'engine', test: (id) => ENGINE.test(id) && !HEARTBEAT.test(id), priority: 1 },
        { name: 'heartbeat', test: HEARTBEAT },
        ...PACKAGES.map((name) => ({ name, test: new RegExp(`node_modules[\\\\/]${name}[\\\\/]`) })),
      ],
    },
  },
});

/** Puts the packages themselves in place of the module that looks for them. */
function inlineOnDemand() {
  const wasm = readFileSync(join(XXHASH, 'workerd/xxhash.wasm'), 'base64');
  return {
    name: 'inline-on-demand',
    load: {
      filter: { id: /src[\\/]disk[\\/]on-demand\.ts$/ },
      handler: () => `
        export const loadFastGlob = () => require('fast-glob');
        export const readXxhashWasm = () => Buffer.from('${wasm}', 'base64');`,
    },
  };
}

/** Takes off the brackets that have an engine compile a package's code at import. It runs when it is first needed, or never. */
function compileLater() {
  return {
    name: 'compile-later',
    renderChunk: (code) =>
      code.replaceAll(/__commonJSMin\(\((\([^)]*\) => \{\n.*?\n\})\)\);$/gms, '__commonJSMin($1);'),
  };
}

/** Ships the licence of every package that went in. */
function addLicenses() {
  return {
    name: 'add-licenses',
    generateBundle(_options, bundle) {
      const files = Object.values(bundle).flatMap(({ moduleIds = [] }) => moduleIds);
      const roots = files.map((file) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(file)?.[0]);
      const texts = [...new Set([...roots, XXHASH])]
        .filter((root) => root !== undefined)
        .sort()
        .map(toLicense);
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES', source: texts.join('\n---\n\n') });
    },
  };
}

function toLicense(root) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const file = readdirSync(root).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${name} has no licence to be shipped`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(root, file), 'utf8').trim()}\n`;
}
