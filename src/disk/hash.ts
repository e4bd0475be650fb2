/**
 * XXH64 with seed 0, from `xxhash-wasm`. The algorithm and its reference vectors: https://github.com/Cyan4973/xxHash
 *
 * Not cryptographic: it tells releases apart, it does not defend against someone who builds a collision on purpose.
 * @module
 */

import xxhash from 'xxhash-wasm';

// Awaited once, here, so that everything after it can be synchronous (the drop-in must be).
const wasm = await xxhash();

/** A digest as `xxhsum` prints it: 16 lower-case hex digits. */
const toHex = (digest: bigint) => digest.toString(16).padStart(16, '0');

export function hashBytes(bytes: Uint8Array): string {
  return toHex(wasm.h64Raw(bytes));
}

/** The hash of a text's UTF-8 bytes. */
export function hashText(text: string): string {
  return toHex(wasm.h64(text));
}

export interface StreamingHash {
  update(bytes: Uint8Array | string): void;
  digest(): string;
}

export function createStreamingHash(): StreamingHash {
  const state = wasm.create64();
  return {
    update: (bytes) => void state.update(bytes),
    digest: () => toHex(state.digest()),
  };
}
