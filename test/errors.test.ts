import { expect, it } from 'vitest';
import { built } from './helpers/built.ts';
import { plainEnv, run } from './helpers/run.ts';

it('an uncaught error prints its code, and no field that it does not have', async () => {
  const source = `
    import { buildManifest } from ${JSON.stringify(built('index.js'))};
    await buildManifest('/gone');
  `;
  const { code, stderr } = await run([process.execPath, '--input-type=module', '-e', source], { env: plainEnv });
  expect(code).toBe(1);
  expect(stderr).toContain("code: 'ERR_DISTPRINT_NOT_FOUND'");
  expect(stderr).not.toContain('undefined');
});
