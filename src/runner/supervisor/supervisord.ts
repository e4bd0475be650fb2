/**
 * Tells whether supervisord starts its program again. Its XML-RPC interface does not say, so we read its configuration files
 * (http://supervisord.org/configuration.html).
 * @module
 */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { loadFastGlob } from '../../disk/on-demand.ts';
import { readCommandLine, readWorkingDirectory } from '../../platform/proc.ts';

/** After an exit with this status; null where the configuration can't be found. */
export function doesSupervisordRestart(status: number, env: NodeJS.ProcessEnv = process.env): boolean | null {
  try {
    const { SUPERVISOR_GROUP_NAME: group, SUPERVISOR_PROCESS_NAME: name } = env;
    const file = findConfiguration(process.ppid);
    if (file === undefined) return null;
    const sections = readSections(file);
    const program = sections.get(`program:${group}`) ?? sections.get(`program:${name}`);
    return program === undefined ? null : restartsOn(status, program);
  } catch {
    return null;
  }
}

/** The defaults are those of supervisord 4. */
function restartsOn(status: number, program: ReadonlyMap<string, string>): boolean | null {
  const autorestart = (program.get('autorestart') ?? 'unexpected').toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(autorestart)) return true;
  if (['false', 'no', 'off', '0'].includes(autorestart)) return false;
  if (autorestart !== 'unexpected') return null;
  const expected = (program.get('exitcodes') ?? '0').split(',').map(Number);
  return expected.some(Number.isNaN) ? null : !expected.includes(status);
}

function findConfiguration(pid: number): string | undefined {
  const cwd = readWorkingDirectory(pid);
  const words = readCommandLine(pid);
  if (cwd === undefined || words === undefined) return undefined;
  for (const [i, word] of words.entries()) {
    const given =
      word.match(/^(?:-c|--configuration=)(.+)$/)?.[1] ??
      (/^(?:-c|--configuration)$/.test(word) ? words[i + 1] : undefined);
    if (given !== undefined) return resolve(cwd, given);
  }
  return undefined;
}

type Sections = Map<string, Map<string, string>>;

function readSections(file: string): Sections {
  const sections: Sections = new Map();
  parse(readFileSync(file, 'utf8'), sections);
  const included = sections.get('include')?.get('files');
  if (included === undefined) return sections;
  const patterns = included.split(/\s+/).map((pattern) => pattern.replaceAll('%(here)s', dirname(file)));
  for (const path of loadFastGlob().sync(patterns, { cwd: dirname(file), absolute: true }))
    parse(readFileSync(path, 'utf8'), sections);
  return sections;
}

/** As Python's configparser, told by supervisord that `;` and `#` also begin a comment behind a value, and that a section may come twice. */
function parse(text: string, sections: Sections): void {
  let section: Map<string, string> | undefined;
  let last: string | undefined;
  for (const each of text.split(/\r?\n/)) {
    const line = each.replace(/(?:^|\s)[;#].*$/, '').trimEnd();
    const header = line.match(/^\[(.+)\]/)?.[1];
    if (header !== undefined) {
      section = sections.get(header) ?? new Map();
      sections.set(header, section);
      last = undefined;
    } else if (/^\s/.test(line) && last !== undefined) {
      section?.set(last, `${section.get(last)} ${line.trim()}`); // a value goes on in indented lines
    } else {
      const [, key, value] = line.match(/^\s*([^=:]+?)\s*[=:]\s*(.*)$/) ?? [];
      last = key?.toLowerCase() ?? last;
      if (key !== undefined) section?.set(key.toLowerCase(), value as string);
    }
  }
}
