import { dirname, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { repository } from '../helpers/run.ts';
import { readApi, writeReport } from './api-report.ts';

const api = readApi(join(dirname(inject('builtCli')), '..'));

describe('the API', () => {
  it('is what docs/api-report.md says', async () => {
    await expect(writeReport(api)).toMatchFileSnapshot(join(repository, 'docs/api-report.md'));
  });

  it('is found as a whole', async () => {
    for (const { door, exports } of api.doors) {
      const source = { distprint: 'index', 'distprint/drop-in': 'drop-in', 'distprint/runner': 'runner/index' }[door];
      const values = Object.keys(await import(join(repository, `src/${source}.ts`)));
      expect(exports.map(({ name }) => name)).toEqual(expect.arrayContaining(values));
    }
  });

  it.each(api.doors.flatMap(({ door, exports }) => exports.map((each) => ({ door, ...each }))))(
    '$door: $name has a doc comment',
    ({ doc }) => {
      expect(doc).toMatch(/\w+/);
    },
  );
});
