import { describe, expect, it } from 'vitest';
import { shown } from '../../bench/results/claims.ts';
import { CPU, FILES, SHARE_TABLE, toShareRow } from '../../bench/results/heartbeat.ts';
import { drawBeats, toBeats } from '../../bench/results/picture.ts';
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
