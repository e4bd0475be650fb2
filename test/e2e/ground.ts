/** What all files stand on, made once: distprint packed and installed, and the daemon of fixtures/runner built against it. Nobody writes here. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { install, openWorkshop, packRelease, type Workshop } from '../../fixtures/releases.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import { must } from './managers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    workshop: Workshop;
    /** An app with the daemon's release 1.0.0. */
    firstApp: string;
    /** A project with `node_modules/distprint`. */
    installed: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = makeTempToRemove();
  try {
    const workshop = openWorkshop(join(folder, 'workshop'));
    const firstApp = join(folder, 'app');
    install(firstApp, workshop, packRelease(workshop, '1.0.0'));
    const installed = join(folder, 'installed');
    mkdirSync(installed);
    writeFileSync(join(installed, 'package.json'), '{"name": "project", "private": true}');
    await must(['npm', 'install', '--prefer-offline', workshop.distprint], installed);
    project.provide('workshop', workshop);
    project.provide('firstApp', firstApp);
    project.provide('installed', installed);
  } catch (error) {
    removeTree(folder);
    throw error;
  }
  return () => removeTree(folder);
}
