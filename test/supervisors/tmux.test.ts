import { afterAll, beforeAll, describe } from 'vitest';
import { TMUX_CELLS } from './cells.ts';
import { hasAll, runCells } from './run-cell.ts';
import { asPane, openTmux } from './tmux.ts';

describe.skipIf(!hasAll('tmux', 'rsync'))('in a pane of tmux', () => {
  const tmux = openTmux();
  beforeAll(() => tmux.start());
  afterAll(() => tmux.end());

  runCells(TMUX_CELLS, () => (cell) => asPane(tmux, cell));
});
