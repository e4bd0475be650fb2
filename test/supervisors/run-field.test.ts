import { appendFileSync, cpSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchTool } from '../e2e/tools.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { run } from '../helpers/run.ts';
import { sleep, until } from '../helpers/wait.ts';
import { readEvents } from '../helpers/wrapper.ts';
import { ground } from './cell.ts';
import { FIELD_RELEASE, fieldEnv } from './field.ts';
import { hasAll, isRootHere } from './run-cell.ts';
import { type Systemd, startSystemd } from './systemd.ts';

const published = fetchTool(FIELD_RELEASE);
const isHere = hasAll('systemctl', 'unshare', 'nsenter') && isRootHere() && published !== undefined;

/** An executable has to be quiet for 2 s. */
const QUIET_MS = 6_000;
const WITHIN_MS = 120_000;

interface Machine {
  readonly active: boolean;
  readonly runnerState: { readonly status: string; readonly pid: number } | null;
}

describe.skipIf(!isHere)(
  `the field's own hub and runner (${FIELD_RELEASE}), as they are, under distprint run under systemd`,
  () => {
    let systemd: Systemd;
    beforeAll(async () => {
      systemd = await startSystemd();
    });
    afterAll(() => systemd?.end());

    const folder = () => join(ground.folder, 'run-field');

    /** A unit of an operator: one line of distprint before the daemon's own. */
    async function startUnit(name: string, executable: string, words: string, env: Record<string, string>) {
      const node = ground.runtimes['Node 20'] as string;
      const cli = join(ground.template, 'node_modules/distprint/dist/cli/main.js');
      const events = join(folder(), `${name}.jsonl`);
      const unit = [
        ...['[Unit]', 'DefaultDependencies=no', '[Service]', 'Restart=on-failure', `WorkingDirectory=${folder()}`],
        `ExecStart=${node} ${cli} run --json ${events} -- ${executable} ${words}`,
        ...['StandardOutput', 'StandardError'].map((each) => `${each}=append:${join(folder(), 'log')}`),
        ...Object.entries(env).map(([key, value]) => `Environment=${key}=${value}`),
      ];
      writeFileSync(join(systemd.units, `${name}.service`), `${unit.join('\n')}\n`);
      await systemd.systemctl('daemon-reload');
      await systemd.systemctl('start', `${name}.service`);
      const all = (event: string) => readEvents(events, event);
      return {
        all,
        event: (event: string, n = 1) => until(`${event} ${n} of ${name}`, () => all(event)[n - 1], 100, WITHIN_MS),
        show: async (property: string) =>
          (await systemd.systemctl('show', `${name}.service`, '-p', property, '--value')).trim(),
        kill: () => systemd.systemctl('kill', '--kill-whom=main', '--signal=KILL', `${name}.service`),
      };
    }

    /** Of a process, by its PID inside. */
    async function readWords(pid: number): Promise<string[]> {
      const { stdout } = await run([...systemd.inside, 'cat', `/proc/${pid}/cmdline`]);
      return stdout.split('\0').slice(0, -1);
    }

    /** What the hub says of the one machine that it knows. */
    async function askHub(url: string, accessToken: string): Promise<Machine | undefined> {
      try {
        const headers = { 'content-type': 'application/json' };
        const body = JSON.stringify({ accessToken });
        const auth = await fetch(`${url}/api/auth`, { method: 'POST', headers, body });
        const { token } = (await auth.json()) as { token: string };
        const answer = await fetch(`${url}/api/machines`, { headers: { authorization: `Bearer ${token}` } });
        return ((await answer.json()) as { machines: Machine[] }).machines[0];
      } catch {
        return undefined; // not yet there
      }
    }

    it('touched or replaced by the same bytes, both run on; another build is one restart with the same words; killed, systemd brings them back; the hub sees the runner each time', async () => {
      const home = join(folder(), 'home');
      const workspace = join(folder(), 'workspace');
      for (const path of [home, workspace]) mkdirSync(path, { recursive: true });
      const executable = join(folder(), 'hapi'); // a copy: it is going to be touched
      cpSync(join(published as string, 'bin/hapi'), executable);
      const env = { ...fieldEnv(home, await findFreePort()), HAPI_DISABLE_VERSION_HANDOFF: '1' };
      const hub = await startUnit('hapi-hub', executable, 'hub --no-relay', env);
      const seen = (pid: number | undefined) =>
        until(
          `the hub to see process ${pid}`,
          async () => {
            const machine = await askHub(env.HAPI_API_URL, env.CLI_API_TOKEN);
            const isSeen = machine?.active === true && machine.runnerState?.status === 'running';
            return isSeen && machine.runnerState?.pid === pid ? true : undefined;
          },
          200,
          WITHIN_MS,
        );
      await until(
        'the hub',
        async () => ((await fetch(env.HAPI_API_URL).catch(() => undefined)) ? true : undefined),
        200,
        WITHIN_MS,
      );
      const words = ['runner', 'start-sync', '--workspace-root', workspace];
      const runner = await startUnit('hapi-runner', executable, words.join(' '), env);
      const units = [hub, runner];
      const { pid: first } = await runner.event('started');
      await seen(first);
      const before = await readWords(first as number);
      expect(before.slice(-words.length)).toEqual(words);

      utimesSync(executable, new Date(), new Date());
      await sleep(QUIET_MS);
      replaceBy(executable, () => {});
      await sleep(QUIET_MS);
      for (const unit of units) expect(unit.all('restarted')).toEqual([]);
      await seen(first);

      replaceBy(executable, (other) => appendFileSync(other, 'another build'));
      for (const unit of units) await unit.event('restarted');
      const { pid: second } = await runner.event('restarted');
      await seen(second);
      expect(await readWords(second as number)).toEqual(before);
      await sleep(QUIET_MS);
      for (const unit of units) {
        expect(unit.all('restarted')).toMatchObject([{ why: 'content', changed: { paths: ['hapi'] } }]);
        expect(await unit.show('NRestarts')).toBe('0');
      }

      await runner.kill();
      const { pid: third } = await runner.event('started', 2);
      await seen(third);
      expect(await readWords(third as number)).toEqual(before);
      expect(await readWords(second as number)).toEqual([]); // it ended with its wrapper
      expect(await runner.show('NRestarts')).toBe('1');
      expect(await hub.show('NRestarts')).toBe('0');
      process.stdout.write(`the runner was process ${first}, ${second} for another build, ${third} after SIGKILL\n`);
      // One after the other: where its hub goes first, the field's runner ends with status 1, which is passed through.
      await systemd.systemctl('stop', 'hapi-runner.service');
      await systemd.systemctl('stop', 'hapi-hub.service');
      for (const unit of units) expect(await unit.show('Result')).toBe('success');
    });
  },
);

/** By rename, as a package manager does. */
function replaceBy(executable: string, change: (other: string) => void): void {
  cpSync(executable, `${executable}.new`);
  change(`${executable}.new`);
  renameSync(`${executable}.new`, executable);
}
