import { describe, expect, it } from 'vitest';
import type { Compare } from '../../bench/compare/context.ts';
import { type About, toPage, updatePage } from '../../bench/compare/page.ts';
import { type Row, unable } from '../../bench/compare/results.ts';

const bench = { tools: [{ name: 'nodemon' }, { name: 'distprint run' }], typed: new Map() } as unknown as Compare;
const about = (version: string): About => {
  const versions = { nodemon: version, 'distprint run': '1.0.0' };
  return { date: '2026-01-02', machine: 'one core', versions, skipped: [], quick: false };
};
const row = (what: string, ours: string, theirs: string, isMet = true): Row => {
  const cells = { 'distprint run': { text: ours }, nodemon: theirs === '' ? unable('deaf') : { text: theirs } };
  return { of: 'touched', table: 'Restarts', what, target: '0', cells, isMet };
};
const page = toPage(bench, [row('touches', '2', '3', false), row('builds', '0', '')], about('3.0.0'));

describe('the page of the comparison', () => {
  it('shows ours first, bold where it misses its target, and a reason below the table', () => {
    expect(page).toContain(
      '|  | target | distprint run | nodemon |\n| --- | --- | --- | --- |\n| touches | 0 | **2** | 3 |',
    );
    expect(page).toContain('| builds | 0 | 0 | —<sup>1</sup> |');
    expect(page).toContain('<sup>1</sup> deaf.');
  });

  it('takes a row that was measured again, and says so', () => {
    const again = updatePage(page, bench, [row('touches', '0', '4'), row('builds', '1', '')], about('3.0.0'));
    expect(again).toContain('| touches | 0 | 0 | 4 |\n| builds | 0 | 1 | —<sup>1</sup> |');
    expect(again).toContain(
      'Versions: nodemon 3.0.0, distprint run 1.0.0.\nMeasured again on 2026-01-02: touches; builds.\n',
    );
  });

  it.each([
    ['of another version', row('touches', '0', '4'), '3.0.1', 'is of other versions'],
    ['that it has not', row('saves', '0', '4'), '3.0.0', 'has no row "saves"'],
    [
      'with another reason',
      { ...row('touches', '0', ''), cells: { nodemon: unable('asleep') } },
      '3.0.0',
      'has no note "asleep"',
    ],
  ])('takes no row %s', (_, other, version, says) => {
    expect(() => updatePage(page, bench, [other], about(version))).toThrow(says);
  });
});
