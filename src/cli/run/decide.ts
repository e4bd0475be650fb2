/**
 * Decides whether the command is to be started anew. Pure.
 * @module
 */

import { type History, judgeHandoff, type Limits } from '../../runner/handoff/gate.ts';
import type { Look } from './watched.ts';

export interface Situation {
  /** Whether a process of the command lives. */
  readonly runs: boolean;
  /** The key of what it was started on; of the last one, where none runs. Null where that could not be read. */
  readonly ran: string | null;
  /** Whether it may have loaded something else than that. */
  readonly isDoubtful: boolean;
  /** Whether somebody asked for it by hand. */
  readonly isAsked: boolean;
  /** Its `handOffs` are the restarts for content, `tried` is the content that was refused. */
  readonly history: History;
}

export type Step =
  | { readonly do: 'nothing' }
  | { readonly do: 'start'; readonly why: 'content' | 'by hand' }
  | { readonly do: 'hold'; readonly reason: string; readonly untilMs: number };

const NOTHING: Step = { do: 'nothing' };

/**
 * @param look the last one
 * @param nowMs Date.now()
 */
export function decide(situation: Situation, look: Look | null, limits: Limits, nowMs: number): Step {
  const { ran, isDoubtful, isAsked, history } = situation;
  if (isAsked) return { do: 'start', why: 'by hand' };
  if (look === null || look.state !== 'settled' || look.content === null) return NOTHING;
  const { key } = look.content;
  if (key === ran && !isDoubtful) return NOTHING;
  const judged = judgeHandoff(key, history, limits, nowMs, true);
  if (judged.go) return { do: 'start', why: 'content' };
  if (judged.gate === 'back-off') return NOTHING; // it was refused, and that was said
  const until = new Date(judged.untilMs).toTimeString().slice(0, 8);
  const { max, windowMs } = limits.breaker;
  const reason = `${max} restarts for new content within ${windowMs / 1000} s: the next not before ${until}; does the command write into what is watched? Then --exclude that`;
  return { do: 'hold', reason, untilMs: judged.untilMs };
}
