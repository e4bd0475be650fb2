/**
 * STAND-IN until "parts" is merged.
 * @module
 */

/** Ends the group of `root`. */
export async function endTree(root: number, _mark: string, signal: NodeJS.Signals, _graceMs: number): Promise<void> {
  try {
    process.kill(-root, signal);
  } catch {}
}
