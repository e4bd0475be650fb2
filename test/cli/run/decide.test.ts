import { describe, expect, it } from 'vitest';
import { decide, type Known } from '../../../src/cli/run/decide.ts';
import type { Content, Look } from '../../../src/cli/run/watched.ts';
import { DEFAULT_LIMITS, EMPTY_HISTORY } from '../../../src/runner/handoff/gate.ts';

const content = (key: string): Content => ({ key, version: null, trees: [] });
const saw = (state: Look['state'], key: string | null): Look => ({
  state,
  content: key === null ? null : content(key),
  reason: null,
  retryInMs: null,
  filesRead: 0,
  directoriesRead: 0,
});
const current = (key: string, more: object = {}) =>
  ({ content: content(key), sawOther: false, child: { end: null }, ...more }) as Known['current'];
const ended = { child: { end: { code: 1, signal: null, error: null } } };

const limits = { ...DEFAULT_LIMITS, breaker: { max: 2, windowMs: 60_000 } };
const WALL_MS = Date.UTC(2026, 10, 24, 10);
const NOW_MS = 5_000;
const idle: Known = {
  current: current('a'),
  look: saw('settled', 'a'),
  isAsked: false,
  startAgainAtMs: null,
  leaving: null,
  history: EMPTY_HISTORY,
};
const refused = { fingerprint: 'b', version: null, reason: '', failures: 1, atMs: WALL_MS, retryAtMs: Infinity };

describe('decide', () => {
  it.each<[string, Partial<Known>, object]>([
    ['nothing new', {}, { do: 'nothing' }],
    ['no look yet', { look: null }, { do: 'nothing' }],
    ['other content, settled', { look: saw('settled', 'b') }, { do: 'start', why: 'content' }],
    ['other content, not settled', { look: saw('settling', 'b') }, { do: 'nothing' }],
    ['nothing there', { look: saw('missing', null) }, { do: 'nothing' }],
    ['cannot be read', { look: saw('unreadable', null) }, { do: 'nothing' }],
    [
      'the same, but it saw other content',
      { current: current('a', { sawOther: true }) },
      { do: 'start', why: 'content' },
    ],
    [
      'the same, it saw other content, not settled',
      { current: current('a', { sawOther: true }), look: saw('settling', 'a') },
      { do: 'nothing' },
    ],
    [
      'other content that was refused',
      { look: saw('settled', 'b'), history: { ...EMPTY_HISTORY, tried: refused } },
      { do: 'nothing' },
    ],
    [
      'newer than what was refused',
      { look: saw('settled', 'c'), history: { ...EMPTY_HISTORY, tried: refused } },
      { do: 'start', why: 'content' },
    ],
    [
      'refused, but asked for by hand',
      { isAsked: true, look: saw('settled', 'b'), history: { ...EMPTY_HISTORY, tried: refused } },
      { do: 'start', why: 'by hand' },
    ],
    [
      'asked for by hand, nothing there',
      { isAsked: true, look: saw('missing', null) },
      { do: 'start', why: 'by hand' },
    ],
    [
      'too many restarts',
      { look: saw('settled', 'b'), history: { ...EMPTY_HISTORY, handOffs: [WALL_MS - 2_000, WALL_MS - 1_000] } },
      { do: 'hold', untilMs: WALL_MS + 58_000 },
    ],
    [
      'too many, but asked for by hand',
      { isAsked: true, history: { ...EMPTY_HISTORY, handOffs: [WALL_MS, WALL_MS] } },
      { do: 'start', why: 'by hand' },
    ],
    [
      'many, long ago',
      { look: saw('settled', 'b'), history: { ...EMPTY_HISTORY, handOffs: [WALL_MS - 61_000, WALL_MS - 60_500] } },
      { do: 'start', why: 'content' },
    ],
    ['ended, nothing new', { current: current('a', ended) }, { do: 'nothing' }],
    ['ended, and due again', { current: current('a', ended), startAgainAtMs: NOW_MS }, { do: 'start', why: 'its end' }],
    ['ended, and due later', { current: current('a', ended), startAgainAtMs: NOW_MS + 1 }, { do: 'nothing' }],
    [
      'ended, other content',
      { current: current('a', ended), look: saw('settled', 'b') },
      { do: 'start', why: 'content' },
    ],
    [
      'ended while it loaded other content',
      { current: current('a', { ...ended, sawOther: true }) },
      { do: 'start', why: 'content' },
    ],
    ['asked to end', { leaving: 'SIGTERM', isAsked: true, look: saw('settled', 'b') }, { do: 'nothing' }],
  ])('%s', (_, more, expected) => {
    expect(decide({ ...idle, ...more }, limits, WALL_MS, NOW_MS)).toMatchObject(expected);
  });
});
