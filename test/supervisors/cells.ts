/** Which cells there are, and what each goes through. Scenarios 1 and 2, and being stopped, are for all. */

import { IN_A_ROW, RUNTIMES, type Runtime } from './ground.ts';
import type { Row } from './matrix.ts';
import type { Variant } from './systemd.ts';

export interface CellPlan extends Pick<Row, 'supervisor' | 'runtime'> {
  readonly runtime: Runtime;
  /** Scenarios 3 and 4 too. */
  readonly isFull: boolean;
  /** Scenario 5: so many releases in a row, the second one while the hand-off to the first is held at this step. */
  readonly inARow?: { readonly step: 'exec' | 'spawn' | 'exit'; readonly count: number };
  /** Scenario 5 again, with the breaker as it is by default. */
  readonly withBreaker?: boolean;
  /** Scenario 6, with these seeds. */
  readonly seeds?: readonly number[];
}

export interface SystemdCell extends CellPlan {
  readonly variant: Variant;
}

const FILES = ['runner', 'runner-notify', 'runner-pidfile'] as const;
const ADDS = { runner: '', 'runner-notify': ', NotifyAccess=all', 'runner-pidfile': ', PIDFile=' } as const;

function toSystemdCell(variant: Variant, runtime: Runtime): SystemdCell {
  const { file, restart, type } = variant;
  return {
    supervisor: `systemd, Restart=${restart}, Type=${type}${ADDS[file]}`,
    runtime,
    variant,
    isFull: isAsOperators(variant) && (file === 'runner' || runtime.startsWith('Node')),
    ...extraOf(variant, runtime),
  };
}

/** As the file has it. */
const isAsOperators = ({ file, restart, type }: Variant) =>
  restart === 'on-failure' && type === (file === 'runner-notify' ? 'notify' : 'simple');

function extraOf(variant: Variant, runtime: Runtime): Partial<CellPlan> {
  if (!isAsOperators(variant)) return {};
  switch (`${variant.file}, ${runtime}`) {
    case 'runner, Node 26':
      return { inARow: { step: 'exec', count: IN_A_ROW }, seeds: [1, 2, 3, 4, 5] };
    case 'runner, Node 20':
      return { inARow: { step: 'exit', count: 5 }, seeds: [6, 7, 8, 9, 10] };
    case 'runner-notify, Node 20':
      return { inARow: { step: 'spawn', count: IN_A_ROW }, seeds: [11, 12, 13, 14, 15] };
    case 'runner-pidfile, Node 20':
      return { seeds: [16, 17, 18, 19, 20] };
    default:
      return {};
  }
}

/** The whole product where a unit's settings decide: on a runtime that can't exec. Elsewhere the operators' files, and the plain one without a restart. */
function listSystemdCells(): SystemdCell[] {
  const variants = FILES.flatMap((file) =>
    (['on-failure', 'always', 'no'] as const).flatMap((restart) =>
      (['simple', 'notify'] as const).map((type) => ({ file, restart, type })),
    ),
  );
  const few = variants.filter(
    (variant) =>
      isAsOperators(variant) || (variant.file === 'runner' && variant.restart === 'no' && variant.type === 'simple'),
  );
  return RUNTIMES.flatMap((runtime) =>
    (runtime === 'Node 20' ? variants : few).map((variant) => toSystemdCell(variant, runtime)),
  ).sort((a, b) => weigh(b) - weigh(a));
}

/** What takes longest begins first. */
const weigh = ({ inARow, seeds }: CellPlan) => (inARow?.count ?? 0) + (seeds?.length ?? 0);

export const SYSTEMD_CELLS = listSystemdCells();

const onAll = (supervisor: string, extra: Partial<Record<Runtime, Partial<CellPlan>>> = {}): CellPlan[] =>
  RUNTIMES.map((runtime) => ({ supervisor, runtime, isFull: runtime.startsWith('Node'), ...extra[runtime] }));

export const SUPERVISORD_CELLS = {
  unexpected: onAll('supervisord, autorestart=unexpected', { 'Node 20': { inARow: { step: 'exit', count: 5 } } }),
  true: onAll('supervisord, autorestart=true'),
};
export const PM2_CELLS = onAll('pm2', { 'Node 26': { inARow: { step: 'exec', count: 5 } } });
export const TMUX_CELLS = onAll('tmux');
export const RUNIT_CELLS = onAll('runit');
export const S6_CELLS = onAll('s6');
export const CONTAINER_CELLS = onAll('PID 1');
export const DETACHED_CELLS = onAll('nobody', {
  'Node 20': { withBreaker: true },
  Bun: { inARow: { step: 'spawn', count: 5 } },
});

export const ALL_CELLS: readonly CellPlan[] = [
  ...SYSTEMD_CELLS,
  ...Object.values(SUPERVISORD_CELLS).flat(),
  ...PM2_CELLS,
  ...TMUX_CELLS,
  ...RUNIT_CELLS,
  ...S6_CELLS,
  ...CONTAINER_CELLS,
  ...DETACHED_CELLS,
];
