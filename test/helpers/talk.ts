import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { DetectorOptions } from '../../src/change/detector.ts';
import type { InstalledCliProbeOptions } from '../../src/drop-in.ts';
import { built } from './built.ts';
import type { RunOptions } from './run.ts';

type Command =
  | { do: 'create'; options: DetectorOptions }
  | { do: 'check' | 'checkSync' | 'fill' | 'empty' | 'installed' }
  | { do: 'probe'; options: InstalledCliProbeOptions };

/** Does as it is told, a line of JSON at a time, and answers each with one. */
const LOOP = `
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createInstalledCliProbe, getInstalledCliMtimeMs } from ${JSON.stringify(built('drop-in.js'))};
import { createDetector } from ${JSON.stringify(built('index.js'))};

const held = [];
let detector;

function fill() {
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
}

const answers = {
  create({ options }) {
    detector = createDetector(options);
    return { fingerprint: detector.baseline.fingerprint, notes: detector.notes };
  },
  check: async () => ({ ...(await detector.check()), notes: detector.notes }),
  checkSync: () => ({ ...detector.checkSync(), notes: detector.notes }),
  fill,
  empty: () => held.splice(0).forEach((fd) => closeSync(fd)),
  installed: () => ({ token: getInstalledCliMtimeMs() }),
  probe: ({ options }) => ({ token: createInstalledCliProbe(options)() }),
};

process.stdout.write('"ready"\\n');
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const answer = await Promise.resolve(command).then(answers[command.do]).catch((error) => ({ threw: String(error) }));
  process.stdout.write(JSON.stringify(answer ?? null) + '\\n');
}
`;

/** The loop, for a program to import: it is no part of what it looks at. */
export const loopUrl = `data:text/javascript,${encodeURIComponent(LOOP)}`;

/** Writes a program that does as it is told, as the entry script of a package. */
export function writeProgram(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `import ${JSON.stringify(loopUrl)};\n`);
}

export interface Answer {
  verdict?: string;
  fingerprint?: string | null;
  reason?: string;
  filesRead?: number;
  directoriesRead?: number;
  notes?: string[];
  token?: number;
  threw?: string;
}

/** Starts a real process that does as it is told until the test is over. */
export async function talk(command: readonly string[], options: RunOptions = {}) {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hear = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command.join(' ')} ended without an answer`);
    return JSON.parse(value) as Answer;
  };
  await hear(); // ready
  return {
    async ask(command: Command): Promise<Answer> {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return hear();
    },
    async end(): Promise<void> {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** The loop alone. */
export const talkToLoop = (options: RunOptions = {}, launcher: readonly string[] = []) =>
  talk([...launcher, process.execPath, '--input-type=module', '-e', LOOP], options);
