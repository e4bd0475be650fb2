/** Releases of the daemon of fixtures/runner, for all sites of a file (site.ts). */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import {
  copyWorkshop,
  install,
  packRelease,
  type Release,
  type ReleaseOptions,
  type Workshop,
} from '../../fixtures/releases.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';

/** Each is packed when it is first asked for; that takes a moment, in which nothing else goes on. */
export interface Shop {
  readonly workshop: Workshop;
  /** `fault`: what stands in for dist/fault.js. */
  release(version: string, options?: ReleaseOptions): Release;
  /** An app with this release in it, installed with npm once, to be copied to many sites. */
  installed(version: string): string;
  close(): void;
}

export function openShop(): Shop {
  const folder = makeTempToRemove();
  const workshop = copyWorkshop(inject('workshop'), folder);
  const packed = new Map<string, Release>();
  const shop: Shop = {
    workshop,
    release(version, options = {}) {
      const key = JSON.stringify([version, options]);
      const release = packed.get(key) ?? packRelease(workshop, version, options);
      packed.set(key, release);
      return release;
    },
    installed(version) {
      if (version === '1.0.0') return inject('firstApp');
      const app = join(folder, `app-${version}`);
      if (!existsSync(app)) install(app, workshop, shop.release(version));
      return app;
    },
    close: () => removeTree(folder),
  };
  return shop;
}
