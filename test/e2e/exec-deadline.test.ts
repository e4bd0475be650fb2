/** After exec nobody is left to see whether the new code gets ready: it has a deadline of its own. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { hasProgram, needs } from '../helpers/needs.ts';
import { openShop, type Shop } from './shop.ts';
import { openSite, QUICK, type Site } from './site.ts';
import { fetchNode } from './tools.ts';

const FAULT = 'export const fault = { beforeReady: () => new Promise(() => void setInterval(() => {}, 1000).ref()) };';
const node26 = fetchNode('26');

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  shop.installed('1.0.0');
  shop.release('1.0.1', { fault: FAULT });
}, 60_000);
afterAll(() => shop.close());

async function superviseByRunit(site: Site): Promise<void> {
  const service = join(site.folder, 'service');
  mkdirSync(service);
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  const words = [node26 as string, site.script, ...site.words()].map(quote).join(' ');
  writeFileSync(join(service, 'run'), `#!/bin/sh\nexec ${words}\n`, { mode: 0o755 });
  site.supervise(['runsv', service]);
  await site.until('it to serve', async () => (await site.ask()) !== undefined && site.own().ready);
}

describe.concurrent('a release that hangs before it is ready, after exec', () => {
  const settings = { launcher: [node26 as string], options: { ...QUICK, strategy: 'exec' } } as const;

  needs('runit, and Node 26', node26 !== undefined && hasProgram('runsv'))(
    'ends with the exit status, where a supervisor is known to start it again',
    async (context) => {
      const site = await openSite(context, shop, settings);
      site.copy('1.0.0');
      await superviseByRunit(site);
      const { pid } = site.state();
      await site.install(shop.release('1.0.1', { fault: FAULT }));
      const after = await site.until('it to be started again', async () => {
        const answer = await site.ask();
        return answer !== undefined && answer.pid !== pid && answer;
      });
      expect(after.release).toBe('1.0.1');
      expect(site.log()).toContain(
        'not ready 2000 ms after the exec; ending with exit status 75, so that runit starts it again',
      );
    },
  );

  needs('Node 26', node26 !== undefined)('stays where nobody would, and says so', async (context) => {
    const site = await openSite(context, shop, settings);
    site.copy('1.0.0');
    const pid = await site.start();
    await site.install(shop.release('1.0.1', { fault: FAULT }));
    await site.until('the deadline', () => /not ready 2000 ms after the exec; nobody is known to/.test(site.log()));
    expect(await site.ask()).toMatchObject({ pid, release: '1.0.1' });
  });
});
