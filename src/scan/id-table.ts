/**
 * How files were when they were read: a `KnownId` (stat.ts) a row, in columns.
 *
 * An object for each would be plainer. But thousands of objects that live on cost the garbage collector dearly: a fresh process took
 * a quarter of its first answer to make them from a cache file.
 * @module
 */

import type { FileId, KnownId } from '../disk/stat.ts';

const WIDTH = 6; // dev, ino, size, mtimeMs, ctimeMs, racy (0 or 1)

export class IdTable {
  /** All rows, one behind the other. The cache file keeps them so. */
  readonly numbers: Float64Array;

  private constructor(numbers: Float64Array) {
    this.numbers = numbers;
  }

  /** So many rows, to be set. */
  static ofLength(rows: number): IdTable {
    return new IdTable(new Float64Array(rows * WIDTH));
  }

  /** Undefined if these are not the numbers of so many rows. */
  static from(numbers: unknown, rows: number): IdTable | undefined {
    return numbers instanceof Float64Array && numbers.length === rows * WIDTH ? new IdTable(numbers) : undefined;
  }

  get length(): number {
    return this.numbers.length / WIDTH;
  }

  copy(): IdTable {
    return new IdTable(this.numbers.slice());
  }

  set(row: number, { dev, ino, size, mtimeMs, ctimeMs, racy }: KnownId): void {
    const { numbers } = this;
    const start = row * WIDTH;
    numbers[start] = dev;
    numbers[start + 1] = ino;
    numbers[start + 2] = size;
    numbers[start + 3] = mtimeMs;
    numbers[start + 4] = ctimeMs;
    numbers[start + 5] = racy ? 1 : 0;
  }

  get(row: number): KnownId {
    const at = (column: number) => this.numbers[row * WIDTH + column] as number;
    return { dev: at(0), ino: at(1), size: at(2), mtimeMs: at(3), ctimeMs: at(4), racy: at(5) === 1 };
  }

  /** `sameId` of a row, without an object for it. */
  isSame(row: number, { dev, ino, size, mtimeMs, ctimeMs }: FileId): boolean {
    const { numbers } = this;
    const start = row * WIDTH;
    return (
      numbers[start + 4] === ctimeMs &&
      numbers[start + 3] === mtimeMs &&
      numbers[start + 2] === size &&
      numbers[start + 1] === ino &&
      numbers[start] === dev
    );
  }

  isRacy(row: number): boolean {
    return this.numbers[row * WIDTH + 5] === 1;
  }

  sizeOf(row: number): number {
    return this.numbers[row * WIDTH + 2] as number;
  }

  ctimeMsOf(row: number): number {
    return this.numbers[row * WIDTH + 4] as number;
  }

  /** The youngest ctime of all. 0 if there are no rows. */
  lastCtimeMs(): number {
    let last = 0;
    for (let row = 0; row < this.length; row++) last = Math.max(last, this.ctimeMsOf(row));
    return last;
  }

  /** Whether all rows are the same. */
  equals(other: IdTable): boolean {
    if (this.length !== other.length) return false;
    for (let row = 0; row < this.length; row++) if (!this.isSame(row, other.get(row))) return false;
    return true;
  }
}
