import { describe, expect, it } from 'vitest';
import { findDescendants, parsePowerShell, parseWmic } from '../../src/platform/process-table.ts';

const T = Date.UTC(2026, 10, 28, 14, 20, 0);

describe('what Windows says of its processes', () => {
  it('by wmic: with dates, in local time', () => {
    const text = [
      'CreationDate               ParentProcessId  ProcessId  \r\r',
      '                           0                0          \r\r',
      '20261128152000.123456+060  4                712        \r\r',
      '20261128072000.500000-420  712              13244      \r\r',
      '\r\r',
    ].join('\n');
    expect(parseWmic(text)).toEqual([
      { pid: 0, parent: 0, startedMs: Number.NaN },
      { pid: 712, parent: 4, startedMs: T + 123.456 },
      { pid: 13244, parent: 712, startedMs: T + 500 },
    ]);
  });

  it("by Wine's wmic: without", () => {
    expect(
      parseWmic('ParentProcessId  ProcessId  \r\n0                32         \r\n32               56  \r\n'),
    ).toEqual([
      { pid: 32, parent: 0, startedMs: Number.NaN },
      { pid: 56, parent: 32, startedMs: Number.NaN },
    ]);
  });

  it('by PowerShell: in units of 100 ns since 1601, and without those that have no time', () => {
    const filetime = (ms: number) => String(BigInt(ms + 11_644_473_600_000) * 10_000n);
    expect(parsePowerShell(` 0 0\r\n${filetime(T)} 4 712\r\n${filetime(T + 7)} 712 13244\r\n`)).toEqual([
      { pid: 712, parent: 4, startedMs: T },
      { pid: 13244, parent: 712, startedMs: T + 7 },
    ]);
  });

  it('is nothing where it fails', () => {
    for (const text of ['', 'Node - X\r\nERROR:\r\nDescription = Access denied', 'No Instance(s) Available.']) {
      expect([...parseWmic(text), ...parsePowerShell(text)]).toEqual([]);
    }
  });
});

describe('who descends from a process', () => {
  const root = { pid: 100, parent: 1, startedMs: 1_000, endedMs: Infinity };
  const entry = (pid: number, parent: number, startedMs: number) => ({ pid, parent, startedMs });
  const alive = (pid: number, parent: number, startedMs: number) => ({
    ...entry(pid, parent, startedMs),
    endedMs: Infinity,
  });

  it('its children and theirs, in whatever order they are listed', () => {
    const all = [entry(103, 102, 1_300), entry(102, 100, 1_200), entry(100, 1, 1_010), entry(7, 1, 500)];
    expect(findDescendants(root, [], all, 2_000)).toEqual([alive(102, 100, 1_200), alive(103, 102, 1_300)]);
  });

  it('those too whose parent has ended since it was seen, and none that was started after that', () => {
    const before = findDescendants(root, [], [entry(102, 100, 1_200)], 2_000);
    const after = findDescendants(root, before, [entry(103, 102, 2_500), entry(9, 1, 1)], 3_000);
    expect(after).toEqual([{ ...alive(102, 100, 1_200), endedMs: 3_000 }, alive(103, 102, 2_500)]);
    const late = findDescendants(root, after, [entry(104, 102, 3_500), entry(103, 102, 2_500)], 4_000);
    expect(late.map(({ pid }) => pid)).toEqual([102, 103]);
  });

  it('nobody who has a parent of the same PID that ended before, or came after', () => {
    const ended = { ...root, endedMs: 5_000 };
    const all = [entry(201, 100, 900), entry(202, 100, 4_999), entry(203, 100, 5_001)];
    expect(findDescendants(ended, [], all, 6_000).map(({ pid }) => pid)).toEqual([202]);
  });

  it('nobody who has got the PID of one that has ended', () => {
    const before = findDescendants(root, [], [entry(102, 100, 1_200)], 2_000);
    const after = findDescendants(root, before, [entry(102, 1, 2_500), entry(103, 102, 2_600)], 3_000);
    expect(after).toEqual([{ ...alive(102, 100, 1_200), endedMs: 2_500 }]);
    const own = findDescendants(root, before, [entry(102, 1, 2_500), entry(103, 102, 2_400)], 3_000);
    expect(own.map(({ pid }) => pid)).toEqual([102, 103]);
  });

  it('is not forgotten where there is no list', () => {
    const before = findDescendants(root, [], [entry(102, 100, 1_200)], 2_000);
    expect(findDescendants(root, before, [], 3_000)).toEqual(before);
  });

  it('is told by PIDs alone where there are no dates', () => {
    const all = [entry(102, 100, Number.NaN), entry(103, 102, Number.NaN), entry(9, 1, Number.NaN)];
    const found = findDescendants(root, [], all, 2_000);
    expect(found.map(({ pid }) => pid)).toEqual([102, 103]);
    expect(findDescendants(root, found, all.slice(1), 3_000).map(({ endedMs }) => endedMs)).toEqual([3_000, Infinity]);
  });
});
