/**
 * Looks at regular intervals, and sooner where something moves. It does not keep the process alive.
 * @module
 */

import { DistprintError } from '../errors.ts';
import type { Check, Detector } from './detector.ts';
import type { Places } from './places.ts';
import { watchDirectories } from './watch-directories.ts';

/** How often to look, and whom to tell. */
export interface HeartbeatOptions {
  detector: Pick<Detector, 'check'> & Partial<Pick<Detector, 'whereToListen'>>;
  /** Milliseconds from the end of one beat to the next. Default 10,000. A settling tree is looked at sooner: when it may have settled. */
  intervalMs?: number;
  /**
   * Also listen to the file system (`fs.watch`), and look as soon as something moves. An event is a reason to look, never a proof: the
   * beats go on, and see what no event told. Default false.
   */
  wake?: boolean;
  /** Told once, for people, that events get lost here: no watches left, say. Default: a process warning. */
  onNote?: (note: string) => unknown;
  /** Called after each beat. */
  onBeat?: (check: Check) => unknown;
  /** Called once for each new content that is `changed`. */
  onChanged?: (check: Check) => unknown;
  /** Ends it. */
  signal?: AbortSignal;
}

export const DEFAULT_INTERVAL_MS = 10_000;
/** In milliseconds. A Node timer with a longer delay fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Looks once a beat, and tells. If a callback throws, or its promise rejects, that becomes a process warning, and the beats go on.
 *
 * @throws ERR_DISTPRINT_OPTION where a timer can't wait for `intervalMs`, and with `wake` where the detector can't say where to listen
 */
export function startHeartbeat(options: HeartbeatOptions): void {
  const { detector, intervalMs, wake, onNote, onBeat, onChanged, signal } = options;
  let told: string | null = null;

  async function beat(): Promise<Check | undefined> {
    const check = await detector.check();
    if (signal?.aborted) return undefined;
    call(onBeat, check);
    if (check.verdict === 'changed' && check.fingerprint !== told) call(onChanged, check);
    if (check.verdict === 'changed' || check.verdict === 'current') told = check.fingerprint;
    return check;
  }

  const where = detector.whereToListen?.bind(detector);
  if (wake && where === undefined) {
    throw new DistprintError('ERR_DISTPRINT_OPTION', 'wake: the detector has no whereToListen()');
  }
  const waking = wake && where ? { where, say: (note: string) => call(onNote ?? warn, note) } : undefined;
  repeat(beat, intervalMs ?? DEFAULT_INTERVAL_MS, signal, waking);
}

/** How a beat is woken. */
export interface Waking {
  /** Where to listen, asked after each beat. Null: nowhere. */
  readonly where: () => Promise<Places | null>;
  /** Told once, for people, that events get lost. */
  readonly say: (note: string) => void;
}

/** Milliseconds from the first event to the look: a burst of them costs one look. */
const GATHER_MS = 50;
/** Woken looks take a fifth of the time at most. */
const REST = 4;
/** The longer things have been moving without a pause, the longer the rest: by this part of that time. So nothing can wake for ever. */
const PATIENCE = 0.02;

/**
 * Sets one timer, anew after each beat: so beats never overlap, and a machine that was suspended makes up for none of those it missed.
 * The timer does not keep the process alive. What a beat throws becomes a process warning.
 *
 * @param beat returns what it saw; with `retryInMs` it is called again sooner than the interval
 * @param waking if given, an event moves the next beat: it comes at once, or when the rest after the last one is over
 * @throws ERR_DISTPRINT_OPTION where a timer can't wait for `intervalMs`
 */
export function repeat(
  beat: () => Promise<Pick<Check, 'fingerprint' | 'retryInMs'> | undefined>,
  intervalMs: number,
  signal?: AbortSignal,
  waking?: Waking,
): void {
  if (!(intervalMs >= 1 && intervalMs <= MAX_TIMER_MS)) {
    throw new DistprintError(
      'ERR_DISTPRINT_OPTION',
      `intervalMs: ${intervalMs} is no time from 1 to ${MAX_TIMER_MS} ms`,
    );
  }
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Infinity;
  let restUntilMs = 0;
  let isBeating = false;
  let isWoken = false;
  let startedMs = -Infinity;
  let heardMs = -Infinity;
  let fingerprint: string | null = null;
  /** When the events began that have come without a pause since. */
  let movingSinceMs: number | null = null;
  const listener = waking && startListening(waking, wake, signal);

  const schedule = (atMs: number) => {
    if (signal?.aborted) return;
    clearTimeout(timer);
    dueMs = atMs;
    timer = setTimeout(turn, Math.max(1, Math.ceil(atMs - performance.now())));
    timer.unref();
  };

  function wake(): void {
    heardMs = performance.now();
    movingSinceMs ??= heardMs;
    if (isWoken) return; // the next beat has been moved
    isWoken = true;
    if (!isBeating) hasten();
  }

  function hasten(): void {
    const atMs = Math.max(performance.now() + GATHER_MS, restUntilMs);
    if (atMs < dueMs) schedule(atMs);
  }

  async function turn(): Promise<void> {
    const lastStartedMs = startedMs;
    startedMs = performance.now();
    if (!isWoken) movingSinceMs = null;
    isBeating = true;
    isWoken = false;
    let delayMs = intervalMs;
    try {
      const seen = await beat();
      const found = seen?.fingerprint ?? fingerprint;
      if (found !== fingerprint && fingerprint !== null) listener?.expect(() => heardMs > lastStartedMs);
      fingerprint = found;
      if (seen?.retryInMs !== undefined) delayMs = Math.min(intervalMs, Math.max(1, seen.retryInMs));
    } catch (error) {
      warn(error);
    }
    const nowMs = performance.now();
    isBeating = false;
    restUntilMs = nowMs + Math.max(REST * (nowMs - startedMs), PATIENCE * (nowMs - (movingSinceMs ?? nowMs)));
    schedule(nowMs + delayMs);
    if (isWoken) hasten();
    listener?.follow();
  }

  signal?.addEventListener('abort', () => clearTimeout(timer), { once: true });
  schedule(performance.now() + intervalMs);
  listener?.follow();
}

const UNHEARD =
  'a change was found of which no event had told: on this file system events get lost, and changes are seen at the next beat';

function startListening({ where, say }: Waking, wake: () => void, signal: AbortSignal | undefined) {
  let isSaid = false;
  const sayOnce = (note: string) => {
    if (!isSaid && !signal?.aborted) say(note);
    isSaid = true;
  };
  const watch = watchDirectories({ wake, say: sayOnce, signal });
  const listen = async () => watch((await where()) ?? new Map());
  let underWay: Promise<void> = Promise.resolve();
  return {
    /** Listens where there is something to hear now. */
    follow() {
      underWay = underWay.then(listen).catch(warn);
    },
    /** Content changed, so an event must have been heard, or be on its way. */
    expect(isHeard: () => boolean) {
      setTimeout(() => isHeard() || sayOnce(UNHEARD), GATHER_MS).unref();
    },
  };
}

function call<T>(callback: ((told: T) => unknown) | undefined, told: T): void {
  try {
    Promise.resolve(callback?.(told)).catch(warn);
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
