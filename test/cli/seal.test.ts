import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distprint } from '../helpers/cli.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { makePackage } from '../helpers/temp.ts';

const SEAL = 'dist/.distprint-seal';

describe('distprint seal <path>', () => {
  it('writes a seal and prints the fingerprint and the file', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    expect(await distprint(['seal', root])).toEqual({
      code: 0,
      stdout: `${fingerprintOf(root)}  ${join(root, SEAL)}\n`,
      stderr: '',
    });
    expect(existsSync(join(root, SEAL))).toBe(true);
  });

  it('an --include that matches nothing is an error, and no seal is written', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const { code, stdout, stderr } = await distprint(['seal', root, '--include', 'lib/**']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--include "lib/**" matches no file');
    expect(existsSync(join(root, SEAL))).toBe(false);
  });
});
