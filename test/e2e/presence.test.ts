/** A runner is found where its files are gone, whatever runtime it runs on: abstract sockets are named in different ways. */

import { afterAll, beforeAll, describe, expect } from 'vitest';
import { identify, type ProcessId } from '../../src/platform/process-id.ts';
import { createPresence } from '../../src/runner/role/presence.ts';
import { onlyWith } from '../helpers/needs.ts';
import { openShop, type Shop } from './shop.ts';
import { openSite, PATIENT } from './site.ts';
import { fetchBun, fetchNode } from './tools.ts';

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  for (const version of ['1.0.0', '1.0.1']) shop.installed(version);
});
afterAll(() => shop.close());

/** Respawn on Node is in test/runner/role/presence.test.ts. */
const RUNTIMES = [
  ['Node 26', fetchNode('26'), 'exec'],
  ['Bun', fetchBun(), 'exec'],
  ['Bun', fetchBun(), 'respawn'],
] as const;

describe.concurrent.each(RUNTIMES)('on %s', (name, runtime, strategy) => {
  const itHere = onlyWith(name, runtime !== undefined && process.platform === 'linux');

  itHere(`a runner is found from the start, and after ${strategy}`, async (context) => {
    const launcher = [runtime as string];
    const site = await openSite(context, shop, { launcher, options: { ...PATIENT, strategy } });
    const find = () => createPresence(site.stateFile, identify(process.pid) as ProcessId).findOther();
    site.copy('1.0.0');
    expect(await site.start()).toBe(find());
    site.swap('1.0.1');
    const { pid } = await site.untilServes('1.0.1');
    expect(find()).toBe(pid);

    // By another runtime than its own.
    site.deleteState();
    const second = site.spawn({ command: [process.execPath, site.script] });
    expect(await second.ended).toBe(1);
    expect(site.log()).toMatch(new RegExp(`another runner .*process ${pid}\\b`));
  });
});
