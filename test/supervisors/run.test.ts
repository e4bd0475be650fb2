import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../helpers/free-port.ts';
import { run } from '../helpers/run.ts';
import { sleep, until } from '../helpers/wait.ts';
import { ground } from './cell.ts';
import { hasAll, isRootHere } from './run-cell.ts';
import { type Systemd, startSystemd } from './systemd.ts';

const isHere = hasAll('systemctl', 'systemd-notify', 'unshare', 'nsenter') && isRootHere();

/** A daemon that knows nothing of distprint. It answers with its version and PID on the socket that it is handed, else it only lives. */
const daemonOf = (version: string) => `
const text = '${version} ' + process.pid;
if (process.env.LISTEN_FDS) require('node:net').createServer((socket) => socket.end(text)).listen({ fd: 3 });
else setInterval(() => {}, 1e6);
process.send?.('ready');
`;

describe.skipIf(!isHere)('distprint run under systemd', () => {
  let systemd: Systemd;
  beforeAll(async () => {
    systemd = await startSystemd();
  });
  afterAll(() => systemd?.end());

  /** A unit that runs the daemon under the wrapper; `words` are options of it. */
  async function startUnit(name: string, words: string, service: readonly string[], socket?: string) {
    const folder = join(ground.folder, 'wrapped', name);
    const script = join(folder, 'dist/server.js');
    const events = join(folder, 'events.jsonl');
    mkdirSync(join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
    writeFileSync(script, daemonOf('one'));
    const node = ground.runtimes['Node 20'] as string;
    const cli = join(ground.template, 'node_modules/distprint/dist/cli/main.js');
    const command = `${node} ${cli} run --json ${events} ${words} -- ${node} ${script}`;
    const unit = [
      '[Unit]',
      'DefaultDependencies=no',
      '[Service]',
      `ExecStart=${command}`,
      'Restart=on-failure',
      ...service,
    ];
    writeFileSync(join(systemd.units, `${name}.service`), `${unit.join('\n')}\n`);
    if (socket !== undefined) {
      const lines = ['[Unit]', 'DefaultDependencies=no', '[Socket]', `ListenStream=${socket}`];
      writeFileSync(join(systemd.units, `${name}.socket`), `${lines.join('\n')}\n`);
    }
    await systemd.systemctl('daemon-reload');
    await systemd.systemctl('start', socket === undefined ? `${name}.service` : `${name}.socket`);
    const show = async (property: string) =>
      (await systemd.systemctl('show', `${name}.service`, '-p', property, '--value')).trim();
    return {
      script,
      show,
      mainPid: async () => Number(await show('MainPID')),
      event: (event: string, n = 1) =>
        until(`${event} ${n}`, () => {
          const lines = readFileSync(events, 'utf8').trim().split('\n');
          return lines.map((line) => JSON.parse(line)).filter((each) => each.event === event)[n - 1];
        }),
    };
  }

  it('restarts once for another build, says so to systemd, and comes back when it was killed', async () => {
    const unit = await startUnit('wrapped', '--ready ipc', ['Type=notify', 'NotifyAccess=all']);
    const wrapper = await unit.mainPid();
    expect(await unit.show('ActiveState')).toBe('active'); // the wrapper itself said READY=1
    await sleep(1_000); // the daemon has loaded
    utimesSync(unit.script, 1, 1);
    writeFileSync(unit.script, daemonOf('one'));
    await sleep(2_000);
    writeFileSync(unit.script, daemonOf('two'));
    const { pid } = await unit.event('restarted');
    expect(await unit.mainPid()).toBe(wrapper);
    await until('the status', async () => ((await unit.show('StatusText')).startsWith('restarted') ? true : undefined));
    expect(await unit.show('ActiveState')).toBe('active');
    expect(await unit.show('NRestarts')).toBe('0');
    await systemd.systemctl('kill', '--kill-whom=main', '--signal=KILL', 'wrapped.service');
    await until('another wrapper', async () => {
      const now = await unit.mainPid();
      return now !== 0 && now !== wrapper && (await unit.show('ActiveState')) === 'active' ? true : undefined;
    });
    expect(await unit.show('NRestarts')).toBe('1');
    await unit.event('started', 2);
    // By its PID inside.
    expect((await run([...systemd.inside, 'kill', '-0', String(pid)])).code).not.toBe(0);
    await systemd.systemctl('stop', 'wrapped.service');
    expect(await unit.show('Result')).toBe('success');
  });

  it('hands the sockets of a unit to each process', async () => {
    const port = await findFreePort();
    const unit = await startUnit('with-socket', '', ['Type=simple'], `127.0.0.1:${port}`);
    const ask = () =>
      new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect({ host: '127.0.0.1', port });
        socket.on('data', (bytes) => (text += bytes)).on('end', () => resolve(text));
        socket.on('error', reject);
      });
    expect(await ask()).toMatch(/^one \d+$/);
    await sleep(1_000);
    writeFileSync(unit.script, daemonOf('two'));
    await until('the new one', async () => ((await ask()).startsWith('two') ? true : undefined)); // refused would throw
    await systemd.systemctl('stop', 'with-socket.socket', 'with-socket.service');
  });
});
