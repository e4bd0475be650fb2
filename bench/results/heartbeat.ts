/** What a beat takes of the heartbeat that it comes with. */

import { shown } from './claims.ts';
import { type Row, toRow } from './table.ts';

/** How often a runner looks by default. */
export const HEARTBEAT_MS = 10_000;
export const SHARE_TABLE = 'share of a 10 s heartbeat';
export const CPU = 'CPU';
export const FILES = 'files';

export function toShareRow(corpus: string, what: string, ms: number, note: string): Row {
  const head = { table: SHARE_TABLE, corpus, what };
  return toRow(head, (ms / HEARTBEAT_MS) * 100, '%', shown, `${ms.toFixed(3)} ms a beat, ${note}`);
}
