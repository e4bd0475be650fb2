/**
 * Tells a host before its claim what it was started for.
 * @module
 */

import { identify, isSameProcess } from '../../platform/process-id.ts';
import { canReport, peekHandoff } from './protocol.ts';

/**
 * What a runner started this process for: the new code tried aside, a replacement, or the same process after exec. Null where somebody
 * else started it. Known at import: a host that does something before its claim that must not be done twice has to ask first.
 */
export const launchedAs: 'rehearsal' | 'replacement' | 'exec' | null = readPart();

/** Whether the runner that is named holds the lock is seen at the claim. */
function readPart(): typeof launchedAs {
  const said = peekHandoff();
  if (said === undefined) return null;
  const { part, from } = said;
  if (part !== 'exec') return canReport() ? part : null;
  const me = identify(process.pid);
  return me !== undefined && isSameProcess(me, from) ? part : null;
}
