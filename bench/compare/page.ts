/** Shows what came out: on a terminal, and as docs/compare.md. */

import { cpus, release } from 'node:os';
import type { Compare } from './context.ts';
import { MODULES } from './project.ts';
import type { Row } from './results.ts';
import { OURS } from './tools.ts';

export interface About {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly skipped: readonly string[];
  readonly quick: boolean;
}

export function describeRun({ tools, quick, skipped }: Compare & { skipped: readonly string[] }): About {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} cores (${cpu?.model.trim()}), Linux ${release().split('-')[0]}, Node ${process.versions.node}`,
    versions: Object.fromEntries(tools.map(({ name, version }) => [name, version])),
    skipped,
    quick,
  };
}

export function formatTables({ tools }: Compare, rows: readonly Row[], missed: readonly Row[]): string {
  const blocks = rows.map(({ of, what, target, isMet, cells }) => {
    const verdict = isMet === null ? '' : isMet ? '  ok' : '  MISSED';
    const lines = tools.map(({ name }) => `  ${name.padEnd(14)} ${cells[name]?.text ?? ''}`);
    return [`${of}: ${what}${target === '' ? '' : ` (target ${target})`}${verdict}`, ...lines].join('\n');
  });
  const outcome =
    missed.length === 0 ? 'no target missed' : `${missed.length} missed: ${missed.map(({ of }) => of).join(', ')}`;
  return [...blocks, `${rows.length} rows; ${outcome}`].join('\n\n');
}

export function toPage(bench: Compare, rows: readonly Row[], about: About): string {
  const notes: string[] = [];
  const tables = (['Restarts', 'Going offline', 'Cost'] as const).map(
    (table) =>
      `## ${table}\n\n${toTable(
        bench,
        rows.filter((row) => row.table === table),
        notes,
      )}`,
  );
  const skipped = about.skipped.map((reason) => `\nNot measured: ${reason}.\n`).join('');
  return `# Beside other tools

\`npm run compare -- --write\` wrote this page on ${about.date}, from one run on ${about.machine}${about.quick ? ' (**with `--quick`: not to be quoted**)' : ''}.
${toVersions(about)}
${skipped}
${tables.join('\n\n')}

**Bold**: misses its target. *old*, *torn*, *down*: what it serves in the end is an older release, modules of two releases, or nothing; without such a word it serves what is on disk.
${notes.map((note, i) => `<sup>${i + 1}</sup> ${note}.`).join('\n')}

## How it is measured

The project is a server of ${MODULES} TypeScript modules, which tsc, esbuild, vite and tsdown build to as many files. Its first statement appends a line to a
file outside of what is watched; it then loads the other modules and serves the release that they say they are of. A tool is given time to
begin, then one real change, which is put back, so that a count of 0 can't come from seeing nothing; after that its restarts are counted until, for 2.5 s
(4 s for an install), no process came or went and none was busy.
Starts that end before the first statement are not counted. The client that counts refused connections has at most 400 under way. Three tools are measured at a time, each on a copy of its own. Times are taken one restart at a
time, round by round, in an order that is drawn anew, while all tools stand ready. CPU and memory are those of all processes of a tool without the command's, from the same minute for all.

## What it does not show

Other systems than Linux, network file systems, and other options than those below, with which some tools would do better or worse. chokidar-cli runs a command at
each change and ends none, so a server that still has its port keeps it. bun and tsx also compile TypeScript, which is not used here. Times hold for one machine;
so do counts that depend on how long a tool waits, and on how long a builder pauses. \`distprint run\` trusts no event to come: it also looks at every file each
10 s, which is most of its CPU in an idle minute; the others miss a change whose event is dropped.

## Command lines

${toCommands(bench)}
`;
}

/**
 * The page with some of its rows measured again.
 * @throws where it was written by other tools, or has other rows
 */
export function updatePage(page: string, bench: Compare, rows: readonly Row[], about: About): string {
  const lines = page.split('\n');
  const versions = lines.indexOf(toVersions(about));
  const notes = [...page.matchAll(/^<sup>\d+<\/sup> (.*)\.$/gm)].map(([, note]) => note as string);
  const known = notes.length;
  const fail = (why: string) => new Error(`docs/compare.md ${why}: write all of it again, without --case`);
  if (versions === -1) throw fail('is of other versions');
  for (const row of rows) {
    const at = lines.findIndex((line) => line.startsWith(`| ${row.what} | `));
    if (at === -1) throw fail(`has no row "${row.what}"`);
    lines[at] = toLine(toTools(bench), row, notes);
  }
  if (notes.length > known) throw fail(`has no note "${notes.at(-1)}"`);
  lines.splice(versions + 1, 0, `Measured again on ${about.date}: ${rows.map(({ what }) => what).join('; ')}.`);
  return lines.join('\n');
}

const toVersions = ({ versions }: About) =>
  `Versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.`;

/** Ours first. */
const toTools = ({ tools }: Compare) => [OURS, ...tools.map(({ name }) => name).filter((name) => name !== OURS)];

function toTable(bench: Compare, rows: readonly Row[], notes: string[]): string {
  const tools = toTools(bench);
  const head = ['', 'target', ...tools];
  return [
    toMarkdownRow(head),
    toMarkdownRow(head.map(() => '---')),
    ...rows.map((row) => toLine(tools, row, notes)),
  ].join('\n');
}

function toLine(tools: readonly string[], { what, target, cells, isMet }: Row, notes: string[]): string {
  const [ours = '', ...rest] = tools.map((name) => toNoted(cells[name]?.text ?? '', notes));
  return toMarkdownRow([what, target, isMet === false ? `**${ours}**` : ours, ...rest]);
}

const toMarkdownRow = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

/** A reason goes below the table. */
function toNoted(text: string, notes: string[]): string {
  return text.replace(/— \(([^()]*)\)/g, (_, reason: string) => {
    if (!notes.includes(reason)) notes.push(reason);
    return `—<sup>${notes.indexOf(reason) + 1}</sup>`;
  });
}

const TITLES: Readonly<Record<string, string>> = {
  build: 'A build, and the times',
  installed: 'An installed package',
  broken: 'A broken build',
  listen: 'Connections',
  folder: 'Idle',
  shell: 'Two processes',
};

function toCommands({ typed }: Compare): string {
  return [...typed]
    .map(([title, lines]) => `${TITLES[title] ?? title}:\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\``)
    .join('\n\n');
}
