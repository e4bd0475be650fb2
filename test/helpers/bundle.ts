import { join } from 'node:path';
import { repository, run } from './run.ts';

/** Writes the doors of the package to a folder, as they are published. */
export async function bundle(to: string): Promise<void> {
  const rolldown = join(repository, 'node_modules/rolldown/bin/cli.mjs');
  const ran = await run([process.execPath, rolldown, '-c', '-d', to], { cwd: repository, timeout: 60_000 });
  if (ran.code !== 0) throw new Error(`rolldown exited with ${ran.code}:\n${ran.stdout}${ran.stderr}`);
}
