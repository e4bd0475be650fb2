/**
 * A program that does as it is told, a line of JSON at a time, and answers each with one (talk.ts).
 * As the entry script of a package of a test's own, it is what that package's program runs.
 */

import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createDetector, type Detector, type DetectorOptions } from '../../src/change/detector.ts';
import { createInstalledCliProbe, getInstalledCliMtimeMs, type InstalledCliProbeOptions } from '../../src/drop-in.ts';
import { errnoOf } from '../../src/errors.ts';

export type Command =
  | { do: 'create'; options: DetectorOptions }
  | { do: 'check' | 'checkSync' | 'fill' | 'empty' | 'installed' }
  | { do: 'probe'; options: InstalledCliProbeOptions };

const held: number[] = [];
let detector: Detector | undefined;

function fill(): void {
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if (errnoOf(error) !== 'EMFILE') throw error;
  }
}

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'create':
      detector = createDetector(command.options);
      return { fingerprint: detector.baseline.fingerprint, notes: detector.notes };
    case 'check':
      return { ...(await detector?.check()), notes: detector?.notes };
    case 'checkSync':
      return { ...detector?.checkSync(), notes: detector?.notes };
    case 'fill':
      return fill();
    case 'empty':
      return held.splice(0).forEach((fd) => void closeSync(fd));
    case 'installed':
      return { token: getInstalledCliMtimeMs() };
    case 'probe':
      return { token: createInstalledCliProbe(command.options)() };
  }
}

process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  let answer: unknown;
  try {
    answer = await obey(JSON.parse(line) as Command);
  } catch (error) {
    answer = { threw: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);
}
