import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toToken } from '../../src/manifest/manifest.ts';
import { errorOf } from '../helpers/manifest.ts';

const fingerprint = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => ({
  bits,
  text: `xxh64-${bits.toString(16).padStart(16, '0')}`,
}));

describe('the token of a fingerprint', () => {
  it.each([
    ['xxh64-0000000000000000', 1],
    ['xxh64-0000000000000001', 2],
    ['xxh64-001ffffffffffffe', 2 ** 53 - 1], // the largest remainder
    ['xxh64-001fffffffffffff', 1], // and once around
    ['xxh64-0020000000000000', 2],
    ['xxh64-ffffffffffffffff', 2048],
    ['xxh64-ef46db3751d8e999', Number(0xef46db3751d8e999n % 0x1fffffffffffffn) + 1],
  ])('%s is %d', (text, token) => {
    expect(toToken(text)).toBe(token);
  });

  it('is its 64 bits modulo 2^53 - 1, plus 1', () => {
    fc.assert(
      fc.property(fingerprint, ({ bits, text }) => {
        expect(BigInt(toToken(text))).toBe((bits % (2n ** 53n - 1n)) + 1n);
      }),
      { numRuns: 2000 },
    );
  });

  it('is an integer n, 0 < n <= 2^53 - 1, and survives JSON', () => {
    fc.assert(
      fc.property(fingerprint, ({ text }) => {
        const token = toToken(text);
        expect(Number.isSafeInteger(token) && token > 0).toBe(true);
        expect(JSON.parse(JSON.stringify(token))).toBe(token);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '',
    'xxh64-',
    '0123456789abcdef',
    'xxh64-0123456789ABCDEF',
    'xxh64-0123456789abcde',
    'xxh64-0123456789abcdef0',
    'xxh3-0123456789abcdef',
    'xxh64-0123456789abcdef\n',
  ])('is refused for what is no fingerprint: %j', async (text) => {
    expect((await errorOf(() => toToken(text))).code).toBe('ERR_DISTPRINT_OPTION');
  });
});
