/**
 * The pages for readers, and the fenced blocks in them.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../helpers/run.ts';

export interface Block {
  /** Relative to the repository. */
  readonly page: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** `ts`, `console`, `sh`, … */
  readonly language: string;
  readonly code: string;
}

/** All of them but the API report, which is generated. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(repository, 'docs'))
    .filter((name) => name.endsWith('.md') && name !== 'api-report.md')
    .sort()
    .map((name) => `docs/${name}`),
];

export const readPage = (page: string): string => readFileSync(join(repository, page), 'utf8');

export const BLOCKS: readonly Block[] = PAGES.flatMap((page) => {
  const text = readPage(page);
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language = '', 2: code = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    language,
    code,
  }));
});

export const blocksOf = (page: string, language: string): Block[] =>
  BLOCKS.filter((block) => block.page === page && block.language === language);

/** The rows of the first table under this heading: its cells, without the backticks of code. */
export function readTable(page: string, heading: string): string[][] {
  const text = readPage(page);
  const start = text.search(new RegExp(`^#+ ${heading.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`, 'm'));
  if (start === -1) throw new Error(`${page} has no heading ${JSON.stringify(heading)}`);
  const [table] = text.slice(start).match(/(?:^\|.*\|\n)+/m) ?? [];
  if (table === undefined) throw new Error(`${page} has no table under ${JSON.stringify(heading)}`);
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}

/** The words in backticks. */
export const codeIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
