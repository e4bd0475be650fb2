import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPath, toFsPath, toRaw, writePath } from '../../src/disk/raw-path.ts';

/** Any bytes, and more often such as mean something: escapes, controls, the parts of UTF-8 sequences. */
const byte = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(...Buffer.from('\\nx0aé\n\r\x7f\u0085\ufffd👩/ ')),
  fc.constantFrom(0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf),
);
const rawPath = fc.array(byte, { maxLength: 24 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('a raw path', () => {
  it('is read back from how it is written, whatever its bytes', () => {
    fc.assert(
      fc.property(rawPath, (raw) => {
        expect(readPath(writePath(raw))).toBe(raw);
      }),
      { numRuns: 5000 },
    );
  });

  it('is written as no other is', () => {
    fc.assert(
      fc.property(rawPath, rawPath, (a, b) => {
        expect(writePath(a) === writePath(b)).toBe(a === b);
      }),
      { numRuns: 5000 },
    );
  });

  it('is written in one line, without control characters, as valid Unicode', () => {
    fc.assert(
      fc.property(rawPath, (raw) => {
        const written = writePath(raw);
        expect(written).not.toMatch(/\p{Cc}/u);
        expect(Buffer.from(written).toString()).toBe(written);
      }),
      { numRuns: 5000 },
    );
  });

  it('is written as it is typed, where it is printable Unicode without a backslash', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!/[\\\p{Cc}]/u.test(text));
        expect(writePath(toRaw(text))).toBe(text);
      }),
    );
  });

  it('is handed to the file system byte by byte', () => {
    fc.assert(
      fc.property(rawPath, (raw) => {
        expect(Buffer.from(toFsPath(raw))).toEqual(Buffer.from(raw, 'latin1'));
      }),
    );
  });
});

describe('a written path', () => {
  it.each([
    ['a lone backslash', 'a\\'],
    ['an unknown escape', '\\t'],
    ['an upper-case escape', '\\xFF'],
    ['a short escape', '\\xf'],
    ['an escape of what needs none', '\\x61'],
    ['a newline escaped by its number', '\\x0a'],
    ['escaped bytes that are UTF-8', '\\xc3\\xa9'],
    ['a real newline', 'a\nb'],
    ['a real control character', '\x1b'],
    ['half a surrogate pair', '\ud83d'],
  ])('that is not how any path is written is refused: %s', (_, written) => {
    expect(readPath(written)).toBeUndefined();
  });

  it('is either refused or the one way to write its path', () => {
    const text = fc.array(fc.constantFrom('\\', 'x', 'n', '0', 'a', 'f', 'c3', '\\xa9', 'é', '\n', '\ud83d'));
    fc.assert(
      fc.property(text, (parts) => {
        const raw = readPath(parts.join(''));
        expect(raw === undefined || writePath(raw) === parts.join('')).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});
