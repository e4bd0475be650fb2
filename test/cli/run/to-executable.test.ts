import { join } from 'node:path';
import { expect, it } from 'vitest';
import { follow } from '../../../src/cli/run/to-executable.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';

const start = (folder: string, name: string, env: NodeJS.ProcessEnv = {}) =>
  follow(join(folder, name), ['x y', ''], env, folder);
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_DISTPRINT_UNSUPPORTED_FILE', message: expect.stringMatching(message) });

it('starts an executable, and what stands behind a shim, as the shim would', () => {
  const folder = makeTemp();
  writeTree(folder, {
    'app.exe': '',
    'node.exe': '',
    'hapi.cmd': '@SET "NODE_PATH=C:\\a"\r\n"%~dp0\\node.exe" --no-warnings "%~dp0\\..\\hapi\\cli.js" %*\r\n',
    'tool.cmd': '"%~dp0\\tool\\tool.exe"   %*\r\n',
  });
  const node = join(folder, 'node.exe');
  const script = join(folder, '../hapi/cli.js');
  expect(start(folder, 'app.exe')).toEqual({ words: [join(folder, 'app.exe'), 'x y', ''], env: {} });
  expect(start(folder, 'hapi.cmd')).toEqual({
    words: [node, '--no-warnings', script, 'x y', ''],
    env: { NODE_PATH: 'C:\\a' },
  });
  expect(start(folder, 'hapi.cmd', { NODE_PATH: 'C:\\b' }).env).toEqual({ NODE_PATH: 'C:\\a;C:\\b' });
  expect(start(folder, 'tool.cmd').words).toEqual([join(folder, 'tool/tool.exe'), 'x y', '']);
});

it('refuses what is neither', () => {
  const folder = makeTemp();
  writeTree(folder, {
    'start.cmd': '@echo off\r\nnode server.js %*\r\n',
    'start.ps1': 'node server.js $args\n',
    'start.js': '#!/usr/bin/env node\n',
    'tool.cmd': '"%~dp0\\tool.js" %*\r\n',
  });
  expect(() => start(folder, 'start.cmd')).toThrow(
    refusal(/start\.cmd is a batch file.*--watch <path> -- cmd \/d \/c start\.cmd/),
  );
  expect(() => start(folder, 'start.ps1')).toThrow(refusal(/start\.ps1 is no executable.*name its runtime/));
  expect(() => start(folder, 'start.js')).toThrow(refusal(/start\.js is no executable/));
  expect(() => start(folder, 'tool.cmd')).toThrow(
    refusal(/tool\.cmd starts .*tool\.js without a runtime, .*give one: node .*tool\.js$/),
  );
});
