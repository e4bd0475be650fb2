import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { doesKeepAlive, findLaunchdJob, parseJob } from '../../src/platform/launchd.ts';
import { macos } from '../../src/platform/macos.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { run } from '../helpers/run.ts';

/** As `launchctl print` of macOS shows a job. */
const JOB = `gui/501/com.example.daemon = {
	active count = 1
	path = /Users/x/Library/LaunchAgents/com.example.daemon.plist
	type = LaunchAgent
	state = running

	program = /usr/local/bin/node
	arguments = {
		/usr/local/bin/node
		/usr/local/lib/daemon/dist/main.js
	}

	stdout path = /Users/x/Library/Logs/daemon.log
	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	environment = {
		XPC_SERVICE_NAME => com.example.daemon
	}

	domain = gui/501 [100041]
	minimum runtime = 10
	exit timeout = 5
	runs = 1
	pid = 10526
	last exit code = (never exited)

	resource coalition = {
		ID = 4782
		pid = 1
		path = /elsewhere
	}

	properties = keepalive | runatload | inferred program
}
`;

const toXml = (value: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n${value}\n</plist>\n`;
const conditions = (...each: [name: string, is: string][]) =>
  toXml(`<dict>\n${each.map(([name, is]) => `\t<key>${name}</key>\n\t${is}`).join('\n')}\n</dict>`);

describe('a job of launchd', () => {
  it('says its process and its file', () => {
    expect(parseJob(JOB)).toEqual({
      pid: 10526,
      plist: '/Users/x/Library/LaunchAgents/com.example.daemon.plist',
      minimumRunMs: 10_000,
    });
  });

  it('says its ThrottleInterval; 10 s where it does not', () => {
    const other = (line: string) => parseJob(JOB.replace('\tminimum runtime = 10\n', line)).minimumRunMs;
    expect(other('\tminimum runtime = 60\n')).toBe(60_000);
    expect(other('\tminimum runtime = 0\n')).toBe(0);
    expect(other('')).toBe(10_000);
  });

  it('has no file where a program submitted it, and no process where it does not run', () => {
    expect(parseJob('system/a = {\n\tpath = (submitted by smd[532])\n\tstate = not running\n}\n')).toEqual({
      pid: Number.NaN,
      plist: undefined,
      minimumRunMs: 10_000,
    });
  });

  it.each([
    ['no KeepAlive', '', false, false],
    ['true', toXml('<true/>'), true, true],
    ['false', toXml('<false/>'), false, false],
    ['SuccessfulExit=false', conditions(['SuccessfulExit', '<false/>']), true, false],
    ['SuccessfulExit=true', conditions(['SuccessfulExit', '<true/>']), false, true],
    ['Crashed=true', conditions(['Crashed', '<true/>']), false, false],
    ['Crashed=false', conditions(['Crashed', '<false/>']), true, true],
    ['one of two', conditions(['Crashed', '<true/>'], ['SuccessfulExit', '<false/>']), true, false],
    ['a path', conditions(['PathState', '<dict>\n\t\t<key>/tmp/a</key>\n\t\t<true/>\n\t</dict>']), null, null],
    ['a path, or failure', conditions(['PathState', '<dict/>'], ['SuccessfulExit', '<false/>']), true, false],
    ['no condition', toXml('<dict/>'), null, null],
  ])('with KeepAlive %s: starts it again after 75, after 0', (_, xml, after75, after0) => {
    expect([doesKeepAlive(xml, 75), doesKeepAlive(xml, 0)]).toEqual([after75, after0]);
  });

  it('is not looked for where launchd is not the parent, or says that there is none', async () => {
    expect(await findLaunchdJob({ XPC_SERVICE_NAME: 'com.example.daemon' }, 75)).toBeUndefined();
    expect(await macos.findManager({ XPC_SERVICE_NAME: '0' }, 75)).toBeUndefined();
  });
});

describe('the file for operators', () => {
  const words = ['/usr/bin/env', 'node', '/srv/a & b/dist/main.js'];
  const escaped = words.map((word) => `<string>${word.replaceAll('&', '&amp;')}</string>`).join('\n\t\t');
  const values: Record<string, string> = {
    NAME: 'com.example.daemon',
    WORDS: escaped,
    DIRECTORY: '/srv',
    STATE: '/s',
    LOG: '/l',
  };
  const text = readFileSync(new URL('../../fixtures/supervisors/launchd/runner.plist', import.meta.url), 'utf8');
  const filled = text.replace(/@([A-Z]+)@/g, (whole, word: string) => values[word] ?? whole);

  needs('python3', hasProgram('python3'))('is a property list, of the keys of launchd.plist(5)', async () => {
    const script = 'import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
    const { code, stdout, stderr } = await run(['python3', '-c', script], { input: filled });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      Label: 'com.example.daemon',
      ProgramArguments: words,
      WorkingDirectory: '/srv',
      EnvironmentVariables: { DISTPRINT_STATE_FILE: '/s' },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ExitTimeOut: 20,
      StandardOutPath: '/l',
      StandardErrorPath: '/l',
    });
  });

  it('has launchd start it again after 75, and not after 0', () => {
    const [, keepAlive = ''] = /<key>KeepAlive<\/key>\s*(<dict>.*?<\/dict>)/s.exec(filled) ?? [];
    expect([doesKeepAlive(toXml(keepAlive), 75), doesKeepAlive(toXml(keepAlive), 0)]).toEqual([true, false]);
  });
});
