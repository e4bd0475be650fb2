import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { repository, run } from './run.ts';

const tsc = join(repository, 'node_modules/.bin/tsc');

/** Compiles modules in `temp` with the real compiler, as strictly as it can. Its errors by module. */
export async function compile(temp: string, modules: Record<string, string>): Promise<Map<string, string[]>> {
  for (const [name, text] of Object.entries(modules)) writeFileSync(join(temp, name), text);
  const config = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      target: 'es2022',
      lib: ['es2023'],
      module: 'nodenext',
      moduleResolution: 'nodenext',
      allowImportingTsExtensions: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(repository, 'node_modules/@types')],
      paths: {
        distprint: [join(repository, 'src/index.ts')],
        'distprint/drop-in': [join(repository, 'src/drop-in.ts')],
        'distprint/runner': [join(repository, 'src/runner/index.ts')],
      },
    },
    files: Object.keys(modules),
  };
  writeFileSync(join(temp, 'tsconfig.json'), JSON.stringify(config));
  writeFileSync(join(temp, 'package.json'), '{"type": "module"}');
  const { stdout, code } = await run([tsc, '-p', temp, '--pretty', 'false'], { cwd: temp, timeout: 60_000 });
  const errors = new Map<string, string[]>(Object.keys(modules).map((name) => [name, []]));
  for (const line of stdout.split('\n')) {
    const [, name, error] = /^(.+?)\(\d+,\d+\): error (.*)$/.exec(line) ?? [];
    if (name === undefined || error === undefined) continue;
    errors.set(name, [...(errors.get(name) ?? []), error]);
  }
  expect(code === 0).toBe([...errors.values()].flat().length === 0);
  return errors;
}
