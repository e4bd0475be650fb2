/**
 * What all pictures share: a panel with a title, readable on a light page and on a dark one.
 * @module
 */

/** Has its own background: a viewer that does not know the colour scheme still shows dark text on white. */
const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
    .panel { fill: #ffffff; stroke: #d1d9e0; }
    .title { font-size: 15px; font-weight: 600; }
    .quiet { fill: #59636e; }
    .small { font-size: 12px; }
    .budget { fill: #bc4c00; font-weight: 600; }
    .grid { stroke: #d1d9e0; }
    .line { stroke: #bc4c00; stroke-width: 2; }
    .bar { fill: #0969da; }
    .trend { stroke: #0969da; stroke-dasharray: 4 4; }
    .base { fill: none; stroke: #0969da; stroke-width: 1.5; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .panel { fill: #0d1117; stroke: #3d444d; }
      .quiet { fill: #9198a1; }
      .budget { fill: #f0883e; }
      .grid { stroke: #3d444d; }
      .line { stroke: #f0883e; }
      .bar { fill: #4493f8; }
      .trend, .base { stroke: #4493f8; }
    }`;

export interface Caption {
  /** What is read out in place of the picture. */
  readonly summary: string;
  readonly title: string;
  readonly note: string;
}

/** @param parts drawn over it, in order */
export function drawPanel(
  { width, height }: { width: number; height: number },
  { summary, title, note }: Caption,
  parts: readonly string[],
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${toXml(summary)}</title>
  <style>${STYLE}
  </style>
  <rect class="panel" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
  <text class="title" x="16" y="28">${toXml(title)}</text>
  <text class="quiet small" x="16" y="48">${toXml(note)}</text>
${parts.join('\n')}
</svg>
`;
}

export const round = (value: number): number => Math.round(value * 10) / 10;

/** Where a value lies on a logarithmic scale that goes `from` one place `to` another. What is off the scale lies at its end. */
export function toPlace(value: number, low: number, high: number, from: number, to: number): number {
  const share = (Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low));
  return round(from + Math.min(1, Math.max(0, share)) * (to - from));
}

/** XML allows no control character but tab and line ends, not even escaped. */
export const toXml = (text: string): string =>
  text
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
