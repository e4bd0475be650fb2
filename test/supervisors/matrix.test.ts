import { expect, it } from 'vitest';
import { ALL_CELLS } from './cells.ts';
import { committed, isRewrite, keyOf } from './matrix.ts';

it.skipIf(isRewrite)('has a row for each cell, and no other', () => {
  expect([...committed().keys()].sort()).toEqual(ALL_CELLS.map(keyOf).sort());
});
