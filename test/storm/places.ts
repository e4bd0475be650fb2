/** Where the storm goes: each runtime under nobody, under a loop of a shell, and under systemd. */

import type { Strategy } from '../../src/runner/index.ts';
import type { Runtime } from '../supervisors/ground.ts';

export interface Plan {
  readonly runtime: Runtime;
  readonly supervisor: 'nobody' | 'a loop' | 'systemd' | 'systemd, NotifyAccess=all';
  /** What docs/runner.md has `auto` take; `exit` in a loop is what the operator asks for. */
  readonly strategy: Exclude<Strategy, 'none'>;
  /** In the gate too: each runtime, supervisor and strategy once. */
  readonly isShort: boolean;
}

const RUNTIMES: readonly Runtime[] = ['Node 20', 'Node 22', 'Node 24', 'Node 26', 'Bun', 'compiled'];

const inPlace = (runtime: Runtime) => (runtime === 'Node 20' ? 'exit' : 'exec');
const among = (runtimes: readonly Runtime[]) => (runtime: Runtime) => runtimes.includes(runtime);

function list(
  supervisor: Plan['supervisor'],
  runtimes: readonly Runtime[],
  strategyOf: (runtime: Runtime) => Plan['strategy'],
  isShort: (runtime: Runtime) => boolean,
): Plan[] {
  return runtimes.map((runtime) => ({ runtime, supervisor, strategy: strategyOf(runtime), isShort: isShort(runtime) }));
}

export const PLANS: readonly Plan[] = [
  ...list('nobody', RUNTIMES, () => 'respawn', among(['Node 26', 'Bun'])),
  ...list('a loop', RUNTIMES, inPlace, among(['Node 24'])),
  ...list('systemd', RUNTIMES, inPlace, among(['Node 20', 'compiled'])),
  ...list('systemd, NotifyAccess=all', ['Node 20', 'Node 22', 'Bun'], () => 'respawn', among(['Node 22'])),
];
