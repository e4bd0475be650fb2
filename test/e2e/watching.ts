import { onTestFinished } from 'vitest';
import {
  buildManifestSync,
  type Check,
  createDetector,
  type DetectorOptions,
  type HeartbeatOptions,
  startHeartbeat,
} from '../../src/index.ts';

/** A detector that beats every 20 ms, or as it is told, until the test is over, and all that it said. */
export interface Watching {
  readonly started: string;
  readonly beats: readonly Check[];
  /** What `onChanged` was called with. */
  readonly changed: readonly Check[];
  /** The verdicts, each once for as long as it was said without a break. */
  verdicts(): string[];
  /** Resolves at the first beat that is so from now on. Rejects after 30 s. */
  until(verdict: Check['verdict'], fingerprint?: string): Promise<void>;
}

export const BEAT_MS = 20;
/** The detector's default for `settleMs`. */
export const SETTLE_MS = 2_000;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** For longer than it takes to settle, so that whatever would be said is said. */
export const settle = (): Promise<void> => sleep(SETTLE_MS + 500);

export async function watch(
  path: string,
  options: Omit<DetectorOptions, 'path'> = {},
  heartbeat: Pick<HeartbeatOptions, 'intervalMs' | 'wake'> = { intervalMs: BEAT_MS },
): Promise<Watching> {
  const detector = createDetector({ path, ...options });
  const beats: Check[] = [];
  const changed: Check[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  startHeartbeat({
    detector,
    ...heartbeat,
    onBeat: (check) => beats.push(check),
    onChanged: (check) => changed.push(check),
    signal: stop.signal,
  });
  const watching: Watching = {
    started: detector.baseline.fingerprint,
    beats,
    changed,
    verdicts: () => beats.map(({ verdict }) => verdict).filter((verdict, i) => verdict !== beats[i - 1]?.verdict),
    async until(verdict, fingerprint) {
      const deadlineMs = performance.now() + 30_000;
      for (let seen = beats.length; ; ) {
        for (const check of beats.slice(seen)) {
          if (check.verdict === verdict && (fingerprint === undefined || check.fingerprint === fingerprint)) return;
        }
        seen = beats.length;
        if (performance.now() > deadlineMs) throw new Error(`no ${verdict} in 30 s: ${watching.verdicts()}`);
        await sleep(BEAT_MS);
      }
    },
  };
  await watching.until('current');
  return watching;
}

export const fingerprintOf = (path: string): string => buildManifestSync(path).fingerprint;

/** The distinct fingerprints of all beats that said `changed`. */
export const changedTo = ({ beats }: Watching): (string | null)[] => [
  ...new Set(beats.filter(({ verdict }) => verdict === 'changed').map(({ fingerprint }) => fingerprint)),
];

/** Signals a process that a test started as the leader of a group, with all in the group that are still alive. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) throw new Error('it was never started');
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
