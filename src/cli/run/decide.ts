/**
 * Decides whether the command is to be started anew. Pure.
 * @module
 */

import { judgeHandoff, type Limits } from '../../runner/handoff/gate.ts';
import type { Why } from './say.ts';
import { isRunning, type State } from './wrapper.ts';

export type Step =
  | { readonly do: 'nothing' }
  | { readonly do: 'start'; readonly why: Why }
  | { readonly do: 'hold'; readonly reason: string; readonly untilMs: number };

export type Known = Pick<State, 'current' | 'look' | 'isAsked' | 'startAgainAtMs' | 'leaving' | 'history'>;

const NOTHING: Step = { do: 'nothing' };

/**
 * @param wallMs Date.now()
 * @param nowMs performance.now()
 */
export function decide(known: Known, limits: Limits, wallMs: number, nowMs: number): Step {
  const { current, look, isAsked, startAgainAtMs, leaving, history } = known;
  if (leaving !== null) return NOTHING;
  if (isAsked) return { do: 'start', why: 'by hand' };
  if (startAgainAtMs !== null && nowMs >= startAgainAtMs && !isRunning(known)) return { do: 'start', why: 'its end' };
  if (look?.state !== 'settled' || look.content === null) return NOTHING;
  const { key } = look.content;
  if (key === current?.content?.key && !current.sawOther) return NOTHING;
  const judged = judgeHandoff(key, history, limits, wallMs, true);
  if (judged.go) return { do: 'start', why: 'content' };
  if (judged.gate === 'back-off') return NOTHING; // it was refused, and that was said
  const { max, windowMs } = limits.breaker;
  const until = new Date(judged.untilMs).toTimeString().slice(0, 8);
  const reason = `${max} restarts for new content in ${windowMs / 1000} s, no other before ${until}; if the command itself writes into what is watched, --exclude that`;
  return { do: 'hold', reason, untilMs: judged.untilMs };
}
