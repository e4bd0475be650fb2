/** What came out, as plain data. */

import type { Tool } from './tools.ts';

/** What one tool did in one row. */
export interface Cell {
  readonly text: string;
  /** What a target is held against. */
  readonly value?: number;
}

export interface Row {
  /** The case's name, for `--case`. */
  readonly of: string;
  /** The page has a table for each. */
  readonly table: 'Restarts' | 'Going offline' | 'Cost';
  readonly what: string;
  /** For ours, in words. */
  readonly target: string;
  /** By the tool's name. */
  readonly cells: Readonly<Record<string, Cell>>;
  /** Whether ours meets the target; null where ours took no part. */
  readonly isMet: boolean | null;
}

/** Of each tool. */
export const toCells = (tools: readonly Tool[], toCell: (tool: Tool) => Cell): Row['cells'] =>
  Object.fromEntries(tools.map((tool) => [tool.name, toCell(tool)]));

/** Why there is no figure. */
export const unable = (reason: string): Cell => ({ text: `— (${reason})` });

/** Of what may be a long message. */
export const firstLine = ({ message }: Error): string => message.split('\n', 1)[0]?.slice(0, 200) ?? '';
