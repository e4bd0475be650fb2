/** What goes wrong in a beat becomes a process warning, and the beats go on. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
