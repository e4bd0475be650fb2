/**
 * A runner that holds the lock: the data that its beats and hand-offs share.
 * @module
 */

import type { Detector } from '../change/detector.ts';
import type { Tally } from '../change/tally.ts';
import type { HeldLock } from './handoff/predecessor.ts';
import type { Sockets } from './handoff/sockets.ts';
import type { HostHooks, Settings } from './options.ts';
import type { Journal } from './role/journal.ts';
import type { Presence } from './role/presence.ts';
import type { Identity, Situation } from './situation.ts';
import type { Watched } from './watched.ts';

/** Where `elsewhere` is not null, it is never handed off. */
export interface Running extends Pick<Watched, 'detectAt' | 'elsewhere'> {
  readonly settings: Settings;
  identity: Identity;
  detector: Detector;
  readonly lock: HeldLock;
  readonly presence: Presence;
  readonly journal: Journal;
  readonly sockets: Sockets;
  /** Aborted by `stop()`. */
  readonly stopped: AbortController;
  readonly say: Say;
  hooks: Required<HostHooks>;
  /** Whether what started shows that it knows the hand-off (mark.ts). */
  isMarked: Promise<boolean>;
  /** The fingerprint that was looked through for a mark last, in vain. */
  unmarked: string | null;
  /** The PID of the process that this one replaces: its parent, until it leaves. */
  readonly predecessor: number | undefined;
  /** What held when it was decided how to hand off: the parent's PID, and whether exec would leave zombies. */
  decidedFor: { readonly parent: number; readonly leavesZombies: boolean };
  /** What the host adds to the state. */
  hostFields: Readonly<Record<string, unknown>>;
  situation: Situation;
  /** When the hand-off began by which this process came to be. Null where it came by none. */
  readonly arrivalMs: number | null;
  /** Of the beats of this process. */
  tally: Tally;
}

/** Logs what stays true over many beats once. */
export type Say = (topic: 'lock' | 'state' | 'aside' | 'target' | 'host' | 'events' | 'metrics', line: string) => void;

export function createSay(log: (line: string) => void): Say {
  const lastSaid = new Map<string, string>();
  return (topic, line) => {
    if (lastSaid.get(topic) !== line) log(line);
    lastSaid.set(topic, line);
  };
}

export function update(running: Running, change: Partial<Situation>): void {
  running.situation = { ...running.situation, ...change };
}
