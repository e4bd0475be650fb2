import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BENCH_MS } from '../helpers/bench.ts';
import { packInto } from '../helpers/installed.ts';
import { hasProgram, needs, succeeds } from '../helpers/needs.ts';
import { plainEnv, run } from '../helpers/run.ts';
import { makeTempToRemove, removeTree, writeTree } from '../helpers/temp.ts';
import { blocksOf } from './pages.ts';

/**
 * The steps of docs/ci.md, as a runner of GitHub's or GitLab's would run them: in a checkout of a branch, whose package has the packed
 * distprint among its dependencies. Actions (`uses:`) and images are theirs; here it is one shell a step, as they have it.
 */

const TRIES_MS = 2 * BENCH_MS;
const TARGET = 'main';
const withTools = needs('git and python3-yaml', hasProgram('git') && succeeds('python3', '-c', 'import yaml'));

interface Step {
  readonly run?: string;
  readonly uses?: string;
}

let temp: string;
let origin: string;

beforeAll(async () => {
  temp = makeTempToRemove();
  origin = join(temp, 'origin');
  const { tarball } = await packInto(temp);
  mkdirSync(origin);
  copyFileSync(tarball, join(origin, basename(tarball)));
  writeTree(origin, {
    'package.json': {
      name: 'example',
      version: '1.0.0',
      scripts: { build: 'mkdir -p dist && cp src/*.js dist' },
      devDependencies: { distprint: `file:${basename(tarball)}` },
    },
    '.gitignore': 'node_modules\ndist\nbench.json\nmetrics.txt\n',
    ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`src/f${i}.js`, `export ${i};\n`])),
  });
  await inShell(origin, 'npm install --package-lock-only --no-audit --no-fund --offline');
  const git = 'git -c user.name=t -c user.email=t@localhost';
  await inShell(origin, `git init -q -b ${TARGET} && git add -A && ${git} commit -qm 1 && git checkout -qb change`);
  writeFileSync(join(origin, 'src/f0.js'), 'export 0.5;\n');
  await inShell(origin, `${git} commit -qam 2`);
}, TRIES_MS);
afterAll(() => removeTree(temp));

async function inShell(cwd: string, script: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const { code, stdout, stderr } = await run(['bash', '-eo', 'pipefail', '-c', script], {
    cwd,
    env: { ...plainEnv, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', npm_config_offline: 'true', ...env },
    timeout: TRIES_MS,
  });
  if (code !== 0) throw new Error(`${script}\nexited with ${code}:\n${stdout}${stderr}`);
}

/** By a real parser. */
async function readYaml<T>(start: string): Promise<T> {
  const block = blocksOf('docs/ci.md', 'yaml').find(({ code }) => code.startsWith(start));
  const script = 'import json, sys, yaml; json.dump(yaml.load(sys.stdin, yaml.BaseLoader), sys.stdout)';
  const { code, stdout, stderr } = await run(['python3', '-c', script], { input: block?.code ?? '' });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

/** Of the branch, as both services check it out: in a folder of its own, whose neighbours are free. */
async function checkOut(name: string): Promise<string> {
  const folder = join(temp, name);
  mkdirSync(folder);
  await inShell(folder, `git clone -q --branch change ${origin} checkout`);
  return join(folder, 'checkout');
}

describe('docs/ci.md', { timeout: TRIES_MS }, () => {
  withTools('has a workflow for GitHub that runs: its summary has the table of both builds', async () => {
    const workflow = await readYaml<{ on: string; jobs: { bench: { steps: Step[] } } }>('name: bench');
    const { steps } = workflow.jobs.bench;
    expect(workflow.on).toBe('pull_request');
    expect(steps.flatMap(({ uses }) => uses ?? [])).toEqual(['actions/checkout@v5', 'actions/setup-node@v5']);
    const checkout = await checkOut('github');
    const summary = join(temp, 'github', 'summary.md');
    const env = { GITHUB_BASE_REF: TARGET, GITHUB_STEP_SUMMARY: summary };
    for (const { run: script } of steps) if (script !== undefined) await inShell(checkout, script, env);
    const text = readFileSync(summary, 'utf8');
    expect(text).toMatch(/^### distprint bench: example 1\.0\.0: within\n/);
    expect(text).toMatch(/^\| head \/ base \|/m);
  });

  withTools('has a step for a chart that runs', async () => {
    const [first, second] = await readYaml<[Step, { with: Record<string, string> }]>('- run: npx distprint bench');
    const checkout = await checkOut('chart');
    await inShell(checkout, 'npm ci && npm run build');
    await inShell(checkout, first.run as string);
    expect(second.with.tool).toBe('customSmallerIsBetter');
    const file = join(checkout, second.with['output-file-path'] as string);
    const points = JSON.parse(readFileSync(file, 'utf8')) as { name: string }[];
    expect(points.map(({ name }) => name)).toContain('example: beat');
  });

  withTools('has a job for GitLab that runs: its report has the metrics of both builds', async () => {
    interface Job {
      script: string[];
      artifacts: { reports: { metrics: string } };
    }
    const { bench } = await readYaml<{ bench: Job }>('bench:\n');
    const checkout = await checkOut('gitlab');
    // All lines of a script are one shell's.
    await inShell(checkout, bench.script.join('\n'), { CI_MERGE_REQUEST_TARGET_BRANCH_NAME: TARGET });
    const metrics = readFileSync(join(checkout, bench.artifacts.reports.metrics), 'utf8');
    expect(metrics).toMatch(/^distprint_bench_relative_duration\{.*work="beat",of="head",statistic="median"\} /m);
  });

  it('says of a git ref what its steps do', () => {
    const [{ code: lines } = { code: '' }] = blocksOf('docs/ci.md', 'sh');
    const steps = blocksOf('docs/ci.md', 'yaml')
      .map(({ code }) => code)
      .join('\n');
    expect(lines.split('\n')[0]).toBe('git worktree add ../base origin/main');
    for (const part of ['git worktree add ../base', '(cd ../base && npm ci && npm run build)', '--baseline ../base'])
      for (const text of [lines, steps]) expect(text).toContain(part);
  });
});
