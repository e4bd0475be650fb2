/**
 * A report for the comment of a pull request.
 * @module
 */

import type { Report } from './report.ts';
import { type Table, toBuildLine, toJudgementLine, toMachineLine, toTables, toTitle } from './tables.ts';

/** The verdict is seen at once, the rest is folded. */
export function toMarkdown(report: Report): string {
  const { baseline, judged, verdict } = report;
  return `### distprint bench: ${toPlain(toTitle(report))}: ${verdict}

${judged.map((judgement) => `- ${toPlain(toJudgementLine(judgement, report))}`).join('\n')}

<details><summary>Figures</summary>

${toPlain(toBuildLine(report))}${baseline === null ? '' : `\\\nbase: ${toPlain(toBuildLine(baseline))}`}\\
${toPlain(toMachineLine(report))}

${toTables(report).map(toTable).join('\n\n')}

</details>
`;
}

const toTable = ({ head, rows }: Table): string => [head, head.map(() => '---'), ...rows].map(toRow).join('\n');
const toRow = (cells: readonly string[]) => `| ${cells.map(toPlain).join(' | ')} |`;

/** A name comes from a package.json: it must not become a link, a mention or a cell. */
const toPlain = (text: string) => text.replace(/[\\`*_[\]<>|@&#~]/g, (char) => `&#${char.charCodeAt(0)};`);
