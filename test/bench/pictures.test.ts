import { describe, expect, it } from 'vitest';
import { drawBeats, toBeats } from '../../bench/results/beat-picture.ts';
import { atMost, shown } from '../../bench/results/claims.ts';
import { CPU, FILES, SHARE_TABLE, toShareRow } from '../../bench/results/heartbeat.ts';
import { drawRatios, toRatios } from '../../bench/results/ratio-picture.ts';
import { toRow } from '../../bench/results/table.ts';

const rows = [
  toShareRow('next', CPU, 32, ''),
  toShareRow('next', 'event loop', 64, ''),
  toRow({ table: SHARE_TABLE, corpus: 'next', what: FILES }, 8710, '', shown),
  toShareRow('R&D <one>', CPU, 0.4, ''),
];

describe('the picture of a beat', () => {
  const svg = drawBeats(toBeats(rows));

  it('has a bar for each measured corpus, the cheapest first, and says time and share', () => {
    expect(toBeats(rows)).toEqual([
      { label: 'R&D <one>', ms: expect.closeTo(0.4) },
      { label: 'next, 8,710 files', ms: expect.closeTo(32) },
    ]);
    expect(svg.match(/<rect class="bar"/g)).toHaveLength(2);
    expect(svg).toMatch(/next, 8,710 files<[\s\S]*>32 ms <tspan class="quiet">\(0\.32 %\)/);
    expect(svg).toMatch(/>400 µs <tspan class="quiet">\(0\.004 %\)/);
  });

  it('draws ten times the cost as one line of the scale further, and the heartbeat at its end', () => {
    const widths = (ms: number) =>
      Number(/class="bar"[^>]* width="([^"]+)"/.exec(drawBeats([{ label: 'a', ms }]))?.[1]);
    expect(widths(10) - widths(1)).toBeCloseTo(widths(1_000) - widths(100));
    const [, line] = /class="line" x1="([^"]+)"/.exec(svg) ?? [];
    const [, start] = /class="bar" x="([^"]+)"/.exec(svg) ?? [];
    expect(widths(10_000)).toBeCloseTo(Number(line) - Number(start));
  });

  it('is well-formed XML, whatever a corpus is called', () => {
    expect(svg).toContain('R&amp;D &lt;one>');
    expect(findTagFault(svg)).toBeUndefined();
    expect(findTagFault(svg.replace('</svg>', ''))).toBe('svg is not closed');
    expect(findTagFault(svg.replaceAll('&amp;', '&'))).toBe('a bare &');
  });

  it('refuses to draw nothing', () => {
    expect(() => toBeats(rows.filter(({ what }) => what === 'event loop'))).toThrow('no beat was measured');
  });
});

describe('the picture of ratios', () => {
  const ratio = (corpus: string, what: string, value: number, target = atMost(2)) =>
    toRow({ table: 'beat', corpus, what }, value, 'x', target);
  const measured = [
    ratio('hapi', 'check / <lstat>', 1.25),
    ratio('next', 'check / <lstat>', 0.125),
    ratio('next', 'check / git status', 0.0001),
    ratio('next', 'reported alone', 3, shown),
    toRow({ table: 'beat', corpus: 'next', what: 'files read' }, 1, '', atMost(1)),
  ];
  const svg = drawRatios(toRatios(measured));

  it('has a row for each ratio with a target, and a mark for each corpus', () => {
    expect(toRatios(measured)).toEqual([
      {
        what: 'check / <lstat>',
        byCorpus: new Map([
          ['hapi', 1.25],
          ['next', 0.125],
        ]),
      },
      { what: 'check / git status', byCorpus: new Map([['next', 0.0001]]) },
    ]);
    expect(svg.match(/<circle/g)).toHaveLength(2); // and in the legend
    expect(svg.match(/<rect class="bar"/g)).toHaveLength(3);
    expect(svg).not.toContain('reported alone');
    expect(findTagFault(svg)).toBeUndefined();
  });

  it('draws ten times as much one line of the scale further, and what is off the scale at its end', () => {
    const xOf = (value: number) =>
      Number(/<circle[^>]*translate\(([\d.]+) (?!74)/.exec(drawRatios(toRatios([ratio('hapi', 'a', value)])))?.[1]);
    expect(xOf(1) - xOf(0.1)).toBeCloseTo(xOf(10) - xOf(1));
    expect([xOf(0.000_01), xOf(99)]).toEqual([xOf(0.001), xOf(10)]);
  });

  it('refuses to draw nothing', () => {
    expect(() => toRatios(measured.slice(3))).toThrow('no ratio was measured');
  });
});

/** Of a document without comments and CDATA. */
function findTagFault(xml: string): string | undefined {
  if (/&(?!amp;|lt;|gt;|quot;)/.test(xml)) return 'a bare &';
  const open: string[] = [];
  for (const [, slash, name = '', attributes = '', empty] of xml.matchAll(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
  )) {
    if (slash === '/' && open.pop() !== name) return `${name} closes something else`;
    if (slash === '' && empty === '') open.push(name);
    if (slash === '/' && attributes !== '') return `${name} is closed with attributes`;
  }
  const rest = xml.replaceAll(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, '');
  if (rest.includes('<')) return 'a bare <';
  return open.length === 0 ? undefined : `${open.at(-1)} is not closed`;
}
