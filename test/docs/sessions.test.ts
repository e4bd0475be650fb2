import { afterAll, describe, expect, it } from 'vitest';
import { hasProgram, needs } from '../helpers/needs.ts';
import { removeTree } from '../helpers/temp.ts';
import { BLOCKS, type Block, PAGES } from './pages.ts';
import { makePlayground, runSession } from './playground.ts';

/**
 * Each `console` block is run: `$ ` stands before a command, what it prints below. The blocks of a page are one session.
 * In the output `…` stands for any text of a line, and a line `…` for any lines. Times are not compared.
 */

interface Command {
  readonly block: Block;
  readonly command: string;
  readonly printed: string;
}

/** A line that begins with two spaces, below a command that ends in a backslash, belongs to the command. */
function readCommands(block: Block): Command[] {
  const commands: { command: string; printed: string }[] = [];
  for (const line of block.code.trimEnd().split('\n')) {
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ command: line.slice(2), printed: '' });
    else if (last === undefined) throw new Error(`${block.page}:${block.line} begins with no command`);
    else if (last.command.endsWith('\\') && last.printed === '') last.command += `\n${line}`;
    else last.printed += `${line}\n`;
  }
  return commands.map((each) => ({ block, ...each }));
}

const TIMES: readonly [RegExp, string][] = [
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/\b\d\d:\d\d:\d\d\b/g, 'TIME'],
  [/\b[\d.,]+ ms\b/g, 'N ms'],
  [/"(\w+Ms)":[\d.]+/g, '"$1":N'],
];

const withoutTimes = (text: string) => TIMES.reduce((all, [what, word]) => all.replace(what, word), text);

function toPattern(printed: string): RegExp {
  const quote = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const lines = withoutTimes(printed).split(/(?<=\n)/);
  const patterns = lines.map((line) => (line === '…\n' ? '(?:.*\n)*' : line.split('…').map(quote).join('.*')));
  return new RegExp(`^${patterns.join('')}$`);
}

const playgrounds: string[] = [];
afterAll(() => playgrounds.forEach(removeTree));

const sessions = PAGES.map((page) => ({
  page,
  commands: BLOCKS.filter((block) => block.page === page && block.language === 'console').flatMap(readCommands),
})).filter(({ commands }) => commands.length > 0);

const withXxhsum = needs('xxhsum', hasProgram('xxhsum'));
const toIt = (command: string) => (command.includes('xxhsum') ? withXxhsum : it);

describe.each(sessions)('the sessions of $page', ({ commands }) => {
  let ran: Promise<string[]> | undefined;
  const runAll = () => {
    const folder = makePlayground();
    playgrounds.push(folder);
    return runSession(
      folder,
      commands.map(({ command }) => command),
    );
  };

  for (const [i, { block, command, printed }] of commands.entries()) {
    toIt(command)(`line ${block.line}: ${command}`, { timeout: 60_000 }, async () => {
      ran ??= runAll();
      const said = (await ran)[i] ?? 'the session ended before this command';
      if (!toPattern(printed).test(withoutTimes(said))) expect(said).toBe(printed);
    });
  }
});

it('are there in the README and for the command line', () => {
  expect(sessions.map(({ page }) => page)).toEqual(expect.arrayContaining(['README.md', 'docs/cli.md']));
  expect(sessions.flatMap(({ commands }) => commands).length).toBeGreaterThan(20);
});

describe('a session that does not print what it says', () => {
  it.each([
    ['another word', 'same\n', 'different\n'],
    ['a line more', 'a\n', 'a\nb\n'],
    ['a line less', 'a\nb\n', 'a\n'],
    ['another field', '{"from":1}\n', '{"to":1}\n'],
  ])('is told: %s', (_, printed, said) => {
    expect(toPattern(printed).test(withoutTimes(said))).toBe(false);
  });
});
