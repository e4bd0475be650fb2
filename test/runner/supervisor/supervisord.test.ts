import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { built } from '../../helpers/built.ts';
import { hasProgram, needs } from '../../helpers/needs.ts';
import { plainEnv, run } from '../../helpers/run.ts';
import { type Tree, writeTree } from '../../helpers/temp.ts';
import { makeSharedTemp } from '../../helpers/tree.ts';

const supervisord = built('runner/supervisor/supervisord.js');
const STATUSES = [0, 1, 2, 75];

/** A process that has the words of a supervisord, and a program of it as its child; it goes where that wants it to be. */
const PARENT = `
import { fork } from 'node:child_process';
const child = fork('./program.mjs', { stdio: 'inherit' });
child.on('message', (directory) => {
  process.chdir(directory);
  child.send('there');
});
`;
const PROGRAM = `
import { once } from 'node:events';
import { doesSupervisordRestart } from ${JSON.stringify(supervisord)};
const said = [];
for (const { directory, ...env } of JSON.parse(process.env.CASES)) {
  process.send(directory);
  await once(process, 'message');
  said.push(${JSON.stringify(STATUSES)}.map((status) => doesSupervisordRestart(status, env)));
}
console.log(JSON.stringify(said));
process.disconnect();
`;

interface Case {
  files: Tree;
  group?: string;
  name?: string;
}

const temp = makeSharedTemp();
let count = 0;

const place = ({ files }: Case): string => {
  const directory = join(temp, String(count++));
  writeTree(directory, files);
  return directory;
};

/** Of each, the exit statuses after which the program is started again; null where that can't be told. */
async function restartsOn(
  cases: readonly Case[],
  words: readonly string[] = ['-c', 'supervisord.conf'],
): Promise<(number[] | null)[]> {
  const cwd = place({ files: { 'supervisord.mjs': PARENT, 'program.mjs': PROGRAM } });
  const described = cases.map((each) => {
    const { group = 'x', name = group } = each;
    return { directory: place(each), SUPERVISOR_GROUP_NAME: group, SUPERVISOR_PROCESS_NAME: name };
  });
  const env = { ...plainEnv, CASES: JSON.stringify(described) };
  const { stdout, stderr } = await run([process.execPath, 'supervisord.mjs', ...words], { cwd, env });
  if (stderr !== '') throw new Error(stderr);
  const said = JSON.parse(stdout) as (boolean | null)[][];
  return said.map((each) => (each.includes(null) ? null : STATUSES.filter((_, i) => each[i])));
}

const conf = (...lines: string[]): Tree => ({
  'supervisord.conf': ['[supervisord]', 'logfile=/dev/null', '', ...lines, ''].join('\n'),
});
const program = (...lines: string[]) => conf('[program:x]', 'command=/bin/x', ...lines);
const AFTER_FAILURE = [1, 2, 75];
const ALWAYS = STATUSES;

const CASES: [string, Case, number[] | null][] = [
  ['nothing is set: after what is unexpected', { files: program() }, AFTER_FAILURE],
  ['autorestart=true', { files: program('autorestart=true') }, ALWAYS],
  ['autorestart = Yes', { files: program('autorestart = Yes') }, ALWAYS],
  ['autorestart: 1', { files: program('autorestart: 1') }, ALWAYS],
  ['autorestart=FALSE', { files: program('autorestart=FALSE') }, []],
  ['autorestart=off', { files: program('autorestart=off') }, []],
  ['AutoRestart=false', { files: program('AutoRestart=false') }, []],
  ['exitcodes=0,75', { files: program('autorestart=unexpected', 'exitcodes=0,75') }, [1, 2]],
  ['exitcodes= 75 , 2', { files: program('exitcodes= 75 , 2') }, [0, 1]],
  [
    'comments, on lines of their own',
    { files: program(';autorestart=true', '# autorestart=true', 'exitcodes=1') },
    [0, 2, 75],
  ],
  ['a ; comment behind a value', { files: program('autorestart=false ; not true') }, []],
  ['a # comment behind a value', { files: program('autorestart=false # not true') }, []],
  ['a # comment behind exit codes', { files: program('exitcodes=0,75 # ours') }, [1, 2]],
  ['exit codes that go on in the next line', { files: program('exitcodes=0,', '  75') }, [1, 2]],
  [
    'the same section twice',
    { files: program('autorestart=false', '[program:y]', 'command=/bin/y', '[program:x]', 'exitcodes=3') },
    [],
  ],
  [
    'Windows line ends',
    { files: { 'supervisord.conf': '[supervisord]\r\n[program:x]\r\ncommand=/bin/x\r\nautorestart=false\r\n' } },
    [],
  ],
  [
    'another program of the same file',
    { files: conf('[program:y]', 'command=/bin/y', 'autorestart=false', '[program:x]', 'command=/bin/x') },
    AFTER_FAILURE,
  ],
  [
    'a program in a group',
    {
      files: conf('[program:x]', 'command=/bin/x', 'autorestart=false', '[group:g]', 'programs=x'),
      group: 'g',
      name: 'x',
    },
    [],
  ],
  [
    'a program of an included file',
    {
      files: {
        ...conf('[include]', 'files = conf.d/*.conf'),
        'conf.d/x.conf': '[program:x]\ncommand=/bin/x\nautorestart=false\n',
      },
    },
    [],
  ],
  [
    'included from %(here)s, among others',
    {
      files: {
        ...conf('[include]', 'files = a/*.ini %(here)s/b/*.ini'),
        'a/y.ini': '[program:y]\ncommand=/bin/y\n',
        'b/x.ini': '[program:x]\ncommand=/bin/x\nexitcodes=75\n',
      },
    },
    [0, 1, 2],
  ],
  [
    'included by a list that goes on in the next line',
    {
      files: {
        ...conf('[include]', 'files = a/*.ini', '  b/*.ini'),
        'b/x.ini': '[program:x]\ncommand=/bin/x\nautorestart=false\n',
      },
    },
    [],
  ],
  [
    'an included file that sets but one thing',
    {
      files: {
        ...conf('[program:x]', 'command=/bin/x', 'exitcodes=75', '[include]', 'files = *.ini'),
        'more.ini': '[program:x]\nautorestart=unexpected\n',
      },
    },
    [0, 1, 2],
  ],
];

describe('whether supervisord starts its program again is read from its configuration', () => {
  let said: (number[] | null)[] = [];
  beforeAll(async () => {
    said = await restartsOn(CASES.map(([, each]) => each));
  });

  it.each(CASES.map(([name, , expected], i) => [name, i, expected] as const))('%s', (_, i, expected) => {
    expect(said[i]).toEqual(expected);
  });
});

describe('the configuration is found by the words that supervisord was started with', () => {
  it.each([
    [['-n', '-c', './supervisord.conf']],
    [['-csupervisord.conf']],
    [['--configuration', 'supervisord.conf']],
    [['--nodaemon', '--configuration=supervisord.conf', '-l', '/dev/null']],
  ])('%j', async (words) => {
    expect(await restartsOn([{ files: program('autorestart=false') }], words)).toEqual([[]]);
  });
});

describe('nothing is told where it can not be known', () => {
  it.each([
    ['no configuration was named', ['-n']],
    ['the file is not there', ['-c', 'gone.conf']],
  ])('%s', async (_, words) => {
    expect(await restartsOn([{ files: program() }], words)).toEqual([null]);
  });

  it('it has no such program, or what it says comes from the environment or is damaged', async () => {
    const files = [
      conf('[program:y]', 'command=/bin/y'),
      program('autorestart=%(ENV_AGAIN)s'),
      program('exitcodes=%(ENV_CODES)s'),
      program('exitcodes=0,many'),
    ];
    expect(await restartsOn(files.map((each) => ({ files: each })))).toEqual([null, null, null, null]);
  });
});

/** Has supervisord's own code read the files that it is given, and say what it makes of them. */
const ORACLE = `
import json, sys
from supervisor.options import ServerOptions
from supervisor.datatypes import RestartUnconditionally
for directory in sys.argv[1:]:
    options = ServerOptions()
    options.realize(['-c', directory + '/supervisord.conf'])
    [x] = [p for g in options.process_group_configs for p in g.process_configs if p.name == 'x']
    again = lambda s: x.autorestart is RestartUnconditionally or (x.autorestart is not False and s not in x.exitcodes)
    print(json.dumps([status for status in ${JSON.stringify(STATUSES)} if again(status)]))
`;

needs('supervisor', hasProgram('supervisord'))(
  'what is expected here is what supervisord itself makes of it',
  async () => {
    const script = (await run(['which', 'supervisord'])).stdout.trim();
    const python = readFileSync(script, 'utf8').match(/^#!\s*(\S+)/)?.[1] ?? '';
    const directories = CASES.map(([, each]) => place(each));
    const { stdout, stderr } = await run([python, '-W', 'ignore', '-c', ORACLE, ...directories]);
    expect(stdout, stderr).not.toBe('');
    const said = stdout
      .trim()
      .split('\n')
      .map((line, i) => [CASES[i]?.[0], JSON.parse(line)]);
    expect(said).toEqual(CASES.map(([name, , expected]) => [name, expected]));
  },
);
