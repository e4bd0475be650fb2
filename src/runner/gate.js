/**
 * Whether to hand off now: the operator's word, the circuit breaker, the back-off and the idle gate. Pure.
 * @module
 */
export const EMPTY_HISTORY = { handOffs: [], tried: null, postponedSinceMs: null };
export const DEFAULT_LIMITS = {
  breaker: { max: 3, windowMs: 15 * 60_000 },
  backOff: { baseMs: 10_000, maxMs: 60 * 60_000 },
  maxPostponeMs: 60 * 60_000,
};
export function judgeHandoff(target, history, limits, nowMs, canHandOff) {
  const { tried, handOffs, postponedSinceMs } = history;
  if (tried !== null && tried.fingerprint === target && nowMs < tried.retryAtMs) {
    return closed('back-off', `it failed (${tried.reason}) and is not tried again until`, tried.retryAtMs);
  }
  const { max, windowMs } = limits.breaker;
  const recent = handOffs.filter((atMs) => atMs > nowMs - windowMs);
  if (recent.length >= max) {
    const untilMs = recent.at(-max) + windowMs;
    return closed(
      'breaker',
      `${recent.length} hand-offs in ${Math.round(windowMs / 60_000)} min; no other until`,
      untilMs,
    );
  }
  const endsMs = (postponedSinceMs ?? nowMs) + limits.maxPostponeMs;
  if (!canHandOff && nowMs < endsMs) return closed('idle', 'the host is busy; postponed at most until', endsMs);
  return { go: true };
}
function closed(gate, why, untilMs) {
  return { go: false, gate, reason: `${why} ${new Date(untilMs).toISOString()}`, untilMs };
}
/** @param random from 0 to 1 */
export function recordFailure(history, target, reason, { backOff }, nowMs, random) {
  const { tried } = history;
  const failures = (tried?.fingerprint === target.fingerprint ? tried.failures : 0) + 1;
  const longestMs = Math.min(backOff.maxMs, backOff.baseMs * 2 ** (failures - 1));
  const retryAtMs = nowMs + Math.round(longestMs * (0.5 + random / 2));
  const { fingerprint, version } = target;
  return {
    ...history,
    tried: { fingerprint, version, reason, failures, atMs: nowMs, retryAtMs },
    postponedSinceMs: null,
  };
}
export function recordHandOff(history, { breaker }, nowMs) {
  const handOffs = [...history.handOffs.filter((atMs) => atMs > nowMs - breaker.windowMs), nowMs];
  return { ...history, handOffs, postponedSinceMs: null };
}
/** After the clock was set back, what lies in the future counts as just now: so every gate opens again in its time. */
export function withoutFuture(history, { backOff }, nowMs) {
  const { tried, postponedSinceMs } = history;
  return {
    handOffs: history.handOffs.map((atMs) => Math.min(atMs, nowMs)),
    tried: tried && { ...tried, retryAtMs: Math.min(tried.retryAtMs, nowMs + backOff.maxMs) },
    postponedSinceMs: postponedSinceMs && Math.min(postponedSinceMs, nowMs),
  };
}
