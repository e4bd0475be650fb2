/** What launchd itself says. It runs on macOS alone: in the GitHub workflow. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { onlyWith } from '../helpers/needs.ts';
import { nodeCommand } from '../helpers/run.ts';
import { makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const isMac = process.platform === 'darwin';
const launchctl = (...words: string[]) => spawnSync('/bin/launchctl', words, { encoding: 'utf8' });

/** A user who is logged in has the first; one who came by ssh has the second alone. */
const domain = isMac
  ? [`gui/${process.getuid?.()}`, `user/${process.getuid?.()}`].find((each) => launchctl('print', each).status === 0)
  : undefined;
const itWithLaunchd = onlyWith('launchd', domain !== undefined);

/** Says what it finds, and lives on. */
const PROGRAM = `
import { renameSync, writeFileSync } from 'node:fs';
import { findLaunchdJob } from ${JSON.stringify(new URL('../../src/platform/launchd.ts', import.meta.url).href)};
const [file] = process.argv.slice(2);
const found = await Promise.all([75, 0].map((status) => findLaunchdJob(process.env, status)));
writeFileSync(file + '.new', JSON.stringify(found));
renameSync(file + '.new', file);
setInterval(() => {}, 1000);
`;

const toPlist = (label: string, words: readonly string[], log: string, more: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key><string>${label}</string>
<key>ProgramArguments</key><array>${words.map((word) => `<string>${word.replaceAll('&', '&amp;')}</string>`).join('')}</array>
<key>RunAtLoad</key><true/>
<key>StandardErrorPath</key><string>${log}</string>
${more}
</dict></plist>
`;

itWithLaunchd.each([
  ['no KeepAlive', '', [false, false], 10_000],
  ['KeepAlive', '<key>KeepAlive</key><true/>', [true, true], 10_000],
  ['SuccessfulExit=false', '<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>', [true, false], 10_000],
  [
    'a ThrottleInterval',
    '<key>KeepAlive</key><true/><key>ThrottleInterval</key><integer>60</integer>',
    [true, true],
    60_000,
  ],
])('a job with %s finds itself', { timeout: 60_000 }, async (_, more, restarts, minimumRunMs) => {
  const folder = makeTemp();
  const [program, file, log] = ['program.mts', 'found', 'log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(program, PROGRAM);
  const label = `distprint.test.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const plist = join(folder, `${label}.plist`);
  writeFileSync(plist, toPlist(label, [...nodeCommand, program, file], log, more));
  onTestFinished(() => void launchctl('bootout', `${domain}/${label}`));
  const { status, stderr } = launchctl('bootstrap', domain ?? '', plist);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  await until(
    'what it finds',
    () => existsSync(file) || (existsSync(log) && readFileSync(log, 'utf8') !== '') || undefined,
    50,
    30_000,
  );
  expect(existsSync(file), existsSync(log) ? readFileSync(log, 'utf8') : 'it said nothing').toBe(true);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(
    restarts.map((is) => ({ kind: 'launchd', restarts: is, minimumRunMs })),
  );
});
