/**
 * XXH64 with seed 0, by the WebAssembly of `xxhash-wasm`. The algorithm and its reference vectors: https://github.com/Cyan4973/xxHash
 *
 * That package's own way in is asynchronous, and a module that waits for it can neither be required nor be bundled as CommonJS. So its
 * bytes are compiled here: 3 KB, in well under a millisecond.
 *
 * Not cryptographic: it tells releases apart, it does not defend against someone who builds a collision on purpose.
 * @module
 */

import { readXxhashWasm } from './on-demand.ts';

/** What src/xxhash.wat of the package exports. Addresses and lengths are in bytes. */
interface Exports {
  readonly mem: { readonly buffer: ArrayBuffer; grow(pages: number): void };
  xxh64(at: number, length: number, seed: bigint): bigint;
  init64(state: number, seed: bigint): void;
  update64(state: number, at: number, length: number): void;
  digest64(state: number): bigint;
}

/** As far as it is needed here; the types of Node 20 don't have it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const SEED = 0n;
const STATE_SIZE = 88;
const PAGE_SIZE = 65_536;

const wasm = new WebAssembly.Instance(new WebAssembly.Module(readXxhashWasm())).exports as Exports;
let memory = new Uint8Array(wasm.mem.buffer);
const encoder = new TextEncoder();

/** Makes room for so many bytes. */
function reserve(size: number): void {
  if (size <= memory.length) return;
  wasm.mem.grow(Math.ceil((size - memory.length) / PAGE_SIZE));
  memory = new Uint8Array(wasm.mem.buffer); // growing has detached the one before
}

/** Copies it to the address. Returns its length. */
function put(at: number, content: Uint8Array | string): number {
  if (typeof content === 'string') {
    reserve(at + 3 * content.length); // as much as UTF-8 can take
    return encoder.encodeInto(content, memory.subarray(at)).written;
  }
  reserve(at + content.length);
  memory.set(content, at);
  return content.length;
}

/** A digest as `xxhsum` prints it: 16 lower-case hex digits. */
const toHex = (digest: bigint) => BigInt.asUintN(64, digest).toString(16).padStart(16, '0');

/** Room for so many bytes, or more, for `hashRoom`. To read a file into it spares a copy. It holds until anything else is hashed. */
export function makeRoom(size: number): Uint8Array {
  reserve(size);
  return memory;
}

/** Of the first bytes in the room. */
export function hashRoom(length: number): string {
  return toHex(wasm.xxh64(0, length, SEED));
}

export function hashBytes(bytes: Uint8Array): string {
  return hashRoom(put(0, bytes));
}

/** The hash of a text's UTF-8 bytes. */
export function hashText(text: string): string {
  return hashRoom(put(0, text));
}

export interface StreamingHash {
  update(bytes: Uint8Array | string): void;
  digest(): string;
}

/** Many may be under way at once: each keeps its state aside while another one has the memory. */
export function createStreamingHash(): StreamingHash {
  memory.fill(0, 0, STATE_SIZE); // init64 sets only what is not 0
  wasm.init64(0, SEED);
  const state = memory.slice(0, STATE_SIZE);
  return {
    update(bytes) {
      const length = put(STATE_SIZE, bytes);
      memory.set(state);
      wasm.update64(0, STATE_SIZE, length);
      state.set(memory.subarray(0, STATE_SIZE));
    },
    digest() {
      memory.set(state);
      return toHex(wasm.digest64(0));
    },
  };
}
