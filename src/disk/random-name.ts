/**
 * Names that nobody can guess.
 * @module
 */

/**
 * So many random bytes, as hex digits. Of the global, which loads the cryptography at its first use: `node:crypto` would take 3 to 7 ms
 * of each import, and a process that writes nothing needs none.
 */
export const randomHex = (bytes: number): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
