import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createDetector } from '../../src/index.ts';
import { fetchTool } from '../e2e/tools.ts';
import { settled, sleep, until } from '../helpers/wait.ts';
import { ground } from './cell.ts';
import { FIELD_RELEASE, startField } from './field.ts';
import { isThere } from './processes.ts';

const published = fetchTool(FIELD_RELEASE);

it.skipIf(published === undefined)(
  `the field's own runner (${FIELD_RELEASE}) replaces itself when its executable is touched; a detector of ours says that it is current`,
  async ({ onTestFinished }) => {
    const field = await startField(join(published as string, 'bin/hapi'), join(ground.folder, 'field'));
    onTestFinished(() => field.end());
    const detector = createDetector({ path: field.executable });
    const before = field.pid() as number;
    await sleep(5_000);
    expect(field.pid(), 'left alone, it stays').toBe(before);

    utimesSync(field.executable, new Date(), new Date());
    const after = await until(
      'another process in its place',
      () => {
        const now = field.pid();
        return now !== undefined && now !== before ? now : undefined;
      },
      50,
      60_000,
    );
    await until('its end', () => (isThere(before) ? undefined : true), 50, 60_000);
    process.stdout.write(`touched: process ${before} has become process ${after}, of the same bytes\n`);
    expect((await settled(detector)).verdict).toBe('current');
  },
);
