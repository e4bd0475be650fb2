/**
 * STAND-IN until "parts" is merged.
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

export type Ready = { kind: 'ipc' };
export const parseReady = (_text: string): Ready => ({ kind: 'ipc' });
export const needsOutput = (_ready: Ready): boolean => false;
export const needsIpc = (_ready: Ready): boolean => true;
export async function waitUntilReady(
  _ready: Ready,
  { child }: { child: ChildProcess; output: readonly Readable[]; signal: AbortSignal },
): Promise<void> {
  await new Promise((resolve) => child.once('message', resolve));
}
