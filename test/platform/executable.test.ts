import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { whyNotDirectory, whyNotExecutable, whyNotStarted } from '../../src/platform/executable.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { makeTemp } from '../helpers/temp.ts';

const onPosix = onlyWith('permissions to execute', isPosix);
const onLinux = onlyWith('Linux: only its formats are examined', process.platform === 'linux');

function makeFile(content: string | Buffer, mode = 0o755): string {
  const file = join(makeTemp(), 'program');
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

describe('what can be executed', () => {
  it('is the runtime that runs this', () => {
    expect(whyNotExecutable(process.execPath)).toBeNull();
  });

  onLinux('is a script whose interpreter is there, with or without an argument', () => {
    expect(whyNotExecutable(makeFile('#!/bin/sh\n'))).toBeNull();
    expect(whyNotExecutable(makeFile('#! /usr/bin/env node\n'))).toBeNull();
  });
});

describe('what can not be executed is told apart', () => {
  it('where nothing is there', () => {
    expect(whyNotExecutable(join(makeTemp(), 'gone'))).toMatch(/ENOENT/);
  });

  onPosix('where it has no permission to be executed, for root too', () => {
    expect(whyNotExecutable(makeFile('#!/bin/sh\n', 0o644))).toMatch(/EACCES/);
  });

  onLinux('where a text took its place', () => {
    expect(whyNotExecutable(makeFile('not a program\n'))).toMatch(/neither an ELF executable nor a script/);
    expect(whyNotExecutable(makeFile(''))).toMatch(/neither an ELF executable nor a script/);
  });

  onLinux("where a script's interpreter is gone", () => {
    expect(whyNotExecutable(makeFile('#!/nowhere/sh -e\n'))).toMatch(/its interpreter: ENOENT.*\/nowhere\/sh/);
  });

  onLinux.each([64, 1_000, 100_000])('where an ELF executable is cut off at %i bytes', (size) => {
    const file = join(makeTemp(), 'program');
    copyFileSync(process.execPath, file);
    truncateSync(file, size);
    expect(whyNotExecutable(file)).toMatch(/cut off/);
  });

  onLinux('where its loader is gone', () => {
    const bytes = readFileSync('/bin/sh');
    const at = bytes.indexOf('/lib');
    const loader = bytes.toString('latin1', at, bytes.indexOf(0, at));
    expect(loader).toMatch(/ld-/);
    bytes.write('/gone', at);
    expect(whyNotExecutable(makeFile(bytes))).toMatch(/its loader: ENOENT/);
  });

  onLinux.each([
    ['class', 4, [1]],
    ['order of bytes', 5, [2]],
    ['machine', 18, [243, 0]],
  ])('where it is of another %s', (_, at, other) => {
    const bytes = readFileSync('/bin/sh');
    expect(whyNotExecutable(makeFile(bytes))).toBeNull();
    bytes.set(other, at);
    expect(whyNotExecutable(makeFile(bytes))).toMatch(/of another machine/);
  });
});

onPosix('a runtime is started as soon as nobody has it open for writing', () => {
  const folder = makeTemp();
  const runtime = join(folder, 'runtime');
  copyFileSync(process.execPath, runtime);
  const fd = openSync(runtime, 'r+');
  expect(whyNotStarted(runtime, folder)).toMatch(/open for writing: .*ETXTBSY/);
  closeSync(fd);
  expect(whyNotStarted(runtime, folder)).toBeNull();
  expect(whyNotStarted(join(folder, 'gone'), folder)).toMatch(/ENOENT/);
});

onPosix('a runtime that neither says its version nor ends was started', () => {
  expect(whyNotStarted(makeFile("#!/bin/sh\ntrap '' TERM\nexec sleep 60\n"), '/')).toBeNull();
});

describe('a working directory', () => {
  it('must be there, and be one', () => {
    const root = makeTemp();
    mkdirSync(join(root, 'd'));
    writeFileSync(join(root, 'f'), '', { mode: 0o755 });
    expect(whyNotDirectory(join(root, 'd'))).toBeNull();
    expect(whyNotDirectory(join(root, 'gone'))).toMatch(/ENOENT/);
    expect(whyNotDirectory(join(root, 'f'))).toMatch(/is no directory/);
  });
});
