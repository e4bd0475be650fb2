/**
 * The API report: every export of the three doors, as the compiler declares it, with its doc comment; below them the types that
 * they are made of and that are not exported.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const DOORS = { distprint: 'index', 'distprint/drop-in': 'drop-in', 'distprint/runner': 'runner/index' } as const;

export interface Declared {
  readonly name: string;
  /** The file in `dist`, without its suffix. */
  readonly module: string;
  readonly doc: string;
  readonly text: string;
}

interface Module {
  readonly declared: ReadonlyMap<string, Declared>;
  /** What it imports or re-exports: the name there, and the module. */
  readonly from: ReadonlyMap<string, { name: string; module: string }>;
}

const withoutComments = (text: string) => text.replace(/\/\*.*?\*\//gs, '');

/** Whether the braces are closed and the statement is at its end. */
function isWhole(text: string): boolean {
  const code = withoutComments(text).trim();
  const count = (brace: string) => code.split(brace).length;
  const hasBody = /^(?:export )?(?:declare )?(?:class|interface) /.test(code);
  return count('{') === count('}') && code.endsWith(hasBody ? '}' : ';');
}

/** Reads declarations as tsc emits them: each begins in the first column, below its doc comment. */
function readModule(dist: string, module: string): Module {
  const text = readFileSync(join(dist, `${module}.d.ts`), 'utf8');
  const declared = new Map<string, Declared>();
  let doc = '';
  let code = '';
  for (const line of text.split('\n')) {
    const isStart = /^(?:export )?(?:declare )?(?:function|class|interface|type|const) \w/.test(line);
    if (code === '' && !isStart) {
      doc = line.startsWith('/**') ? line : /^ \*/.test(line) ? `${doc}\n${line}` : '';
      continue;
    }
    code += code === '' ? line : `\n${line}`;
    if (!isWhole(code)) continue;
    const [, name = ''] = /(?:function|class|interface|type|const) (\w+)/.exec(code) ?? [];
    declared.set(name, { name, module, doc, text: code });
    doc = code = '';
  }
  const from = new Map<string, { name: string; module: string }>();
  for (const [, names = '', path = ''] of text.matchAll(
    /^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']*)'/gm,
  )) {
    for (const each of names.split(',')) {
      const [name = '', as = name] = each
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      from.set(as, { name, module: join(dirname(module), path).replace(/\.[jt]s$/, '') });
    }
  }
  return { declared, from };
}

export interface Report {
  readonly doors: readonly { readonly door: string; readonly exports: readonly Declared[] }[];
  readonly behind: readonly Declared[];
}

/** @param dist where the compiler's output is */
export function readApi(dist: string): Report {
  const modules = new Map<string, Module>();
  const open = (module: string): Module => {
    const found = modules.get(module) ?? readModule(dist, module);
    modules.set(module, found);
    return found;
  };
  const find = (name: string, module: string): Declared | undefined => {
    const { declared, from } = open(module);
    const elsewhere = from.get(name);
    return declared.get(name) ?? (elsewhere && find(elsewhere.name, elsewhere.module));
  };

  const doors = Object.entries(DOORS).map(([door, module]) => {
    const { declared, from } = open(module);
    const own = [...declared.values()].filter(({ text }) => text.startsWith('export '));
    const passedOn = [...from].filter(() => own.length === 0).map(([name]) => find(name, module));
    const exports = [...own, ...passedOn.filter((each) => each !== undefined)];
    return { door, exports: exports.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });

  const seen = new Set(doors.flatMap(({ exports }) => exports));
  for (const { text, module } of seen) {
    for (const [name] of withoutComments(text).matchAll(/\b[A-Z]\w+\b/g)) {
      const found = find(name, module);
      if (found !== undefined) seen.add(found); // a set is walked to what is added meanwhile
    }
  }
  const exported = new Set(doors.flatMap(({ exports }) => exports));
  const behind = [...seen].filter((each) => !exported.has(each)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return { doors, behind };
}

const write = ({ doc, text }: Declared) => `\`\`\`ts\n${doc === '' ? '' : `${doc}\n`}${text}\n\`\`\`\n`;

export function writeReport({ doors, behind }: Report): string {
  const parts = [
    '# API report',
    'Every export, as the compiler declares it. `npx vitest run test/docs/api-report.test.ts -u` writes this page; the gate fails where it is out of date.',
    ...doors.flatMap(({ door, exports }) => [`## ${door}`, ...exports.map(write)]),
    '## Not exported, but part of these types',
    ...behind.map(write),
  ];
  return `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;
}
