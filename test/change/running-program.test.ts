import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { executablePath } from '../../src/change/running-program.ts';
import { makeTemp } from '../helpers/temp.ts';

describe('the path of the executable', () => {
  it('is the installed one where Linux says that the one that runs was deleted', () => {
    expect(executablePath('/opt/bin/runner (deleted)')).toBe('/opt/bin/runner');
    expect(executablePath('/opt/bin/runner')).toBe('/opt/bin/runner');
  });

  it('is left as it is where there is a file of that name', () => {
    const odd = join(makeTemp(), 'runner (deleted)');
    writeFileSync(odd, '');
    expect(executablePath(odd)).toBe(odd);
  });
});
