/**
 * Tells, beat after beat, what became of what was installed when the program started.
 * @module
 */
import { resolve } from 'node:path';
import { toBuiltManifest } from './build.ts';
import { diffManifests } from './diff.ts';
import { toManifest } from './manifest.ts';
import { createObserver, DEFAULT_SETTLE_MS } from './observer.ts';
import { loadFastGlob } from './on-demand.ts';
import { writePath } from './raw-path.ts';
import { isRunningProgram } from './running-program.ts';
import { toCoverageOptions } from './settle.ts';
import { runAsync, runSync } from './steps.ts';

// Now, while it can be loaded: a detector is needed most when the modules around it are being replaced.
loadFastGlob();
/**
 * **How the baseline ties to the code that was loaded.** Where the subject is the running program itself, a file whose
 * ctime is later than this process's start may have been replaced after it was loaded, and before the detector was created.
 * Unless `baseline` or `cacheFile` knows what it held before, its content can't vouch for what is running, and the verdict is
 * `changed` once all is settled. So create the detector early; a late one errs on the safe side.
 *
 * @throws what `buildManifest` throws, where no `baseline` is given and none can be taken
 */
export function createDetector(options) {
  const root = resolve(options.path);
  const settleMs = options.settleMs ?? DEFAULT_SETTLE_MS;
  const { cacheFile } = options;
  const coverage = options.baseline ? toCoverageOptions(options.baseline) : options;
  const observer = createObserver({ root, coverage, settleMs, cacheFile });
  const first = options.baseline ? null : takeBaseline(runSync(observer.look(() => true)));
  const started = options.baseline ?? {
    fingerprint: first.fingerprint,
    version: first?.pass.subject.version ?? null,
  };
  const doubtful = first === null ? [] : findDoubtful(root, first.pass, observer.cached?.pass);
  const isBaseline = (fingerprint) => fingerprint === started.fingerprint && doubtful.length === 0;
  let baseline = options.baseline;
  /** Folded when it is asked for: to tell that nothing changed, its fingerprint is enough. */
  function getBaseline() {
    baseline ??= runSync(toBuiltManifest(first.pass, started.fingerprint));
    return baseline;
  }
  let compared;
  function* compare({ pass, fingerprint }) {
    if (compared?.pass !== pass)
      compared = { pass, changes: diffManifests(getBaseline(), yield* toManifest(pass, fingerprint)) };
    return compared.changes;
  }
  function* look() {
    const seen = yield* observer.look(isBaseline);
    const { filesRead, directoriesRead } = seen;
    const cost = { filesRead, directoriesRead };
    if ('error' in seen) {
      const reason = seen.error.message;
      if (seen.state === 'missing') return { verdict: 'missing', fingerprint: null, reason, ...cost };
      return { verdict: 'settling', fingerprint: null, reason, retryInMs: settleMs, ...cost };
    }
    const { fingerprint, pass } = seen.tree;
    if (seen.state === 'settling') {
      const { reason, retryInMs } = seen;
      return { verdict: 'settling', fingerprint, reason, retryInMs, ...cost };
    }
    if (isBaseline(fingerprint)) return { verdict: 'current', fingerprint, ...cost };
    const versions = { started: started.version, installed: pass.subject.version };
    const changed = { verdict: 'changed', fingerprint, changes: yield* compare(seen.tree), versions, ...cost };
    return doubtful.length === 0 ? changed : { ...changed, reason: sayDoubtful(doubtful) };
  }
  let underWay;
  return {
    get baseline() {
      return getBaseline();
    },
    notes: observer.notes,
    check() {
      underWay ??= runAsync(look()).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    checkSync: () => runSync(look()),
  };
}
function takeBaseline(seen) {
  if ('tree' in seen) return seen.tree;
  throw seen.error;
}
/** Written paths of files that may have been replaced since this process loaded them. */
function findDoubtful(root, pass, cached) {
  const young = pass.files.filter(({ reading }) => reading.ctimeMs > performance.timeOrigin);
  if (young.length === 0 || !isRunningProgram(root)) return [];
  const before = new Map(cached?.files.map(({ path, reading }) => [path, reading.digest]));
  return young.filter(({ path, reading }) => before.get(path) !== reading.digest).map(({ path }) => writePath(path));
}
function sayDoubtful(paths) {
  const others = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
  return `${paths[0]}${others} changed after this process started and before it looked for the first time`;
}
