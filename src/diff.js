/**
 * What differs between two manifests.
 * @module
 */
import { DistprintError } from './errors.ts';
import { readPath } from './raw-path.ts';
/**
 * From `a` to `b`.
 * @throws ERR_DISTPRINT_COVERAGE where the two do not cover the same
 */
export function diffManifests(a, b) {
  assertSameCoverage(a, b);
  const added = [];
  const removed = [];
  const changed = [];
  let i = 0;
  let j = 0;
  while (i < a.entries.length || j < b.entries.length) {
    const left = a.entries[i];
    const right = b.entries[j];
    const order = left === undefined ? 1 : right === undefined ? -1 : compare(left.path, right.path);
    if (order < 0) removed.push(left.path);
    else if (order > 0) added.push(right.path);
    else if (left?.content !== right?.content) changed.push(left.path);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  const version = a.version === b.version ? null : { from: a.version, to: b.version };
  return { version, added, removed, changed };
}
export function isEmptyDiff(diff) {
  return diff.version === null && diff.added.length + diff.removed.length + diff.changed.length === 0;
}
/** In the order of manifests, which is that of the raw paths. */
function compare(a, b) {
  if (a === b) return 0;
  return (readPath(a) ?? a) < (readPath(b) ?? b) ? -1 : 1;
}
function assertSameCoverage(a, b) {
  const differing = ['kind', 'include', 'exclude'].filter(
    (field) => JSON.stringify(a[field]) !== JSON.stringify(b[field]),
  );
  if (differing.length === 0) return;
  const say = (coverage) =>
    differing.map((field) => `${field} ${JSON.stringify(coverage[field] ?? 'default')}`).join(', ');
  throw new DistprintError(
    'ERR_DISTPRINT_COVERAGE',
    `the two do not cover the same and can't be compared: ${say(a)} on one side, ${say(b)} on the other`,
  );
}
