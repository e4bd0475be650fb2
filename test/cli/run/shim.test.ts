import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findBehindBunx, readShim } from '../../../src/cli/run/shim.ts';
import { makeTemp } from '../../helpers/temp.ts';

const bin = resolve('/site/bin');
const read = (name: string, text: string) => readShim(join(bin, name), text);
const target = (path: string) => resolve(bin, path);
const crlf = (text: string) => text.trimStart().replaceAll('\n', '\r\n');

/** cmd-shim 7, of npm 10 and 11. */
const npmCmd = (starts: string) =>
  crlf(`
@ECHO off
GOTO start
:find_dp0
SET dp0=%~dp0
EXIT /b
:start
SETLOCAL
CALL :find_dp0
${starts}`);

const BY_NODE = `
IF EXIST "%dp0%\\node.exe" (
  SET "_prog=%dp0%\\node.exe"
) ELSE (
  SET "_prog=node"
  SET PATHEXT=%PATHEXT:;.JS;=;%
)

endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%" --no-warnings "%dp0%\\..\\hapi\\dist\\cli.js" %*
`;

const PNPM = crlf(`
@SETLOCAL
@IF NOT DEFINED NODE_PATH (
  @SET "NODE_PATH=C:\\site\\node_modules\\.pnpm\\hapi@1.0.0\\node_modules"
) ELSE (
  @SET "NODE_PATH=C:\\site\\node_modules\\.pnpm\\hapi@1.0.0\\node_modules;%NODE_PATH%"
)
@IF EXIST "%~dp0\\node.exe" (
  "%~dp0\\node.exe"  "%~dp0\\..\\hapi\\dist\\cli.js" %*
) ELSE (
  @SET PATHEXT=%PATHEXT:;.JS;=;%
  node  "%~dp0\\..\\hapi\\dist\\cli.js" %*
)
`);

const YARN = crlf(`
@IF EXIST "%~dp0\\node.exe" (
  "%~dp0\\node.exe"  "%~dp0\\..\\hapi\\dist\\cli.js" %*
) ELSE (
  @SETLOCAL
  @SET PATHEXT=%PATHEXT:;.JS;=;%
  node  "%~dp0\\..\\hapi\\dist\\cli.js" %*
)
`);

const POWERSHELL = `#!/usr/bin/env pwsh
$basedir=Split-Path $MyInvocation.MyCommand.Definition -Parent

$exe=""
if ($PSVersionTable.PSVersion -lt "6.0" -or $IsWindows) {
  $exe=".exe"
}
$ret=0
if (Test-Path "$basedir/node$exe") {
  if ($MyInvocation.ExpectingInput) {
    $input | & "$basedir/node$exe"  "$basedir/../hapi/dist/cli.js" $args
  } else {
    & "$basedir/node$exe"  "$basedir/../hapi/dist/cli.js" $args
  }
} else {
  if ($MyInvocation.ExpectingInput) {
    $input | & "node$exe"  "$basedir/../hapi/dist/cli.js" $args
  } else {
    & "node$exe"  "$basedir/../hapi/dist/cli.js" $args
  }
}
exit $ret
`;

const SH = `#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")

if [ -x "$basedir/node" ]; then
  exec "$basedir/node"  "$basedir/../hapi/dist/cli.js" "$@"
else
  exec node  "$basedir/../hapi/dist/cli.js" "$@"
fi
`;

/** Of the Node 22 that nodejs.org publishes. */
const NPM_ITSELF = crlf(`
:: Created by npm, please don't edit manually.
@ECHO OFF

SETLOCAL

SET "NODE_EXE=%~dp0\\node.exe"
IF NOT EXIST "%NODE_EXE%" (
  SET "NODE_EXE=node"
)

SET "NPM_PREFIX_JS=%~dp0\\node_modules\\npm\\bin\\npm-prefix.js"
SET "NPM_CLI_JS=%~dp0\\node_modules\\npm\\bin\\npm-cli.js"
FOR /F "delims=" %%F IN ('CALL "%NODE_EXE%" "%NPM_PREFIX_JS%"') DO (
  SET "NPM_PREFIX_NPM_CLI_JS=%%F\\node_modules\\npm\\bin\\npm-cli.js"
)
IF EXIST "%NPM_PREFIX_NPM_CLI_JS%" (
  SET "NPM_CLI_JS=%NPM_PREFIX_NPM_CLI_JS%"
)

"%NODE_EXE%" "%NPM_CLI_JS%" %*
`);

const HAPI = { target: target('../hapi/dist/cli.js'), runtime: 'node', options: [], env: {} };

describe('what stands behind a shim', () => {
  it.each([
    ["npm's, for cmd", 'hapi.cmd', npmCmd(BY_NODE), { ...HAPI, options: ['--no-warnings'] }],
    [
      "npm's, for cmd, with variables before the runtime",
      'hapi.cmd',
      npmCmd(`@SET NODE_ENV=production\n${BY_NODE}`),
      { ...HAPI, options: ['--no-warnings'], env: { NODE_ENV: 'production' } },
    ],
    [
      "npm's, of an executable",
      'hapi.cmd',
      npmCmd('endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%dp0%\\..\\hapi\\hapi.exe"   %*\n'),
      { ...HAPI, target: target('../hapi/hapi.exe'), runtime: undefined },
    ],
    [
      "pnpm's, for cmd",
      'hapi.cmd',
      PNPM,
      { ...HAPI, env: { NODE_PATH: 'C:\\site\\node_modules\\.pnpm\\hapi@1.0.0\\node_modules' } },
    ],
    ["yarn's, for cmd", 'hapi.cmd', YARN, HAPI],
    ['for PowerShell', 'hapi.ps1', POWERSHELL, HAPI],
    ['for sh', 'hapi', SH, HAPI],
    ["npm's own", 'npm.cmd', NPM_ITSELF, { ...HAPI, target: target('node_modules/npm/bin/npm-cli.js') }],
  ])('%s', (_, name, text, expected) => {
    expect(read(name, text)).toEqual(expected);
  });

  it("is told first, where pnpm's sh shim tells it", () => {
    const told = `${SH}# cmd-shim-target=/site/other/cli.js\n`;
    expect(read('hapi', told)?.target).toBe(resolve('/site/other/cli.js'));
  });

  it.each(['', '@echo off\r\nnode server.js %*\r\n', '#!/bin/sh\nexec node "$@"\n', 'console.log("%dp0%")', '%*'])(
    'is not there in %j',
    (text) => {
      expect(read('start.cmd', text)).toBeUndefined();
    },
  );
});

describe("bun's executable shim", () => {
  it('has a file beside it that begins with the path', () => {
    const folder = makeTemp();
    mkdirSync(join(folder, '.bin'));
    const file = join(folder, '.bin/tool.exe');
    expect(findBehindBunx(file)).toBeUndefined();
    writeFileSync(join(folder, '.bin/tool.bunx'), Buffer.from('tool\\bin\\é.js"\0node \x18\0\0\0', 'utf16le'));
    expect(findBehindBunx(file)).toBe(join(folder, 'tool/bin/é.js'));
    writeFileSync(join(folder, '.bin/other'), Buffer.from('tool\\bin\\x.js"\0', 'utf16le'));
    expect(findBehindBunx(join(folder, '.bin/other'))).toBeUndefined();
  });
});
