import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashText } from '../../src/disk/hash.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { parseManifest, serializeManifest } from '../../src/manifest/manifest.ts';
import { errorOf } from '../helpers/manifest.ts';
import { isPosix } from '../helpers/needs.ts';
import { makePackage } from '../helpers/temp.ts';

const text = () => {
  const root = makePackage({
    'dist/a.js': '1',
    [isPosix ? 'dist/é\n.js' : 'dist/é.js']: '2',
    'dist/\ufffd': '',
    'dist/z/y': '3',
    'dist/z/z': '4',
  });
  return serializeManifest(buildManifestSync(root, { exclude: ['**/*.map'] }));
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of these bytes, or undefined where they are none. The command line refuses those (cli-manifest.test.ts). */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Damage must end in a typed error that names a line there is, or the one that is missing. False if it is no text any more. */
async function expectRefused(damaged: Uint8Array): Promise<boolean> {
  const read = decode(damaged);
  if (read === undefined) return false;
  const error = await errorOf(() => parseManifest(read));
  expect(error.code).toBe('ERR_DISTPRINT_MANIFEST');
  expect(error.line).toBeGreaterThanOrEqual(1);
  expect(error.line).toBeLessThanOrEqual(read.split('\n').length + 1);
  return true;
}

describe('a manifest is refused', () => {
  it('where any one byte of it is another', async () => {
    const bytes = Buffer.from(text());
    const at = fc.integer({ min: 0, max: bytes.length - 1 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(at, fc.integer({ min: 1, max: 255 }), async (index, flip) => {
        const damaged = Buffer.from(bytes);
        damaged[index] = (damaged[index] ?? 0) ^ flip;
        refused += (await expectRefused(damaged)) ? 1 : 0;
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  it('where it ends after any byte but its last', async () => {
    const bytes = Buffer.from(text());
    let refused = 0;
    for (let length = 0; length < bytes.length; length++) {
      refused += (await expectRefused(bytes.subarray(0, length))) ? 1 : 0;
    }
    expect(refused).toBeGreaterThan(bytes.length - 10); // some cuts leave half a character
  });

  it('where it ends after a line, by the line that is missing', async () => {
    const lines = text().split('\n').slice(0, -1);
    for (let kept = 1; kept < lines.length; kept++) {
      const truncated = lines.slice(0, kept).map((line) => `${line}\n`);
      const error = await errorOf(() => parseManifest(truncated.join('')));
      expect(error.line).toBe(kept + 1);
    }
  });

  it('where a line is lost, doubled or swapped with the next', async () => {
    const lines = text().split('\n').slice(0, -1);
    const join = (kept: readonly string[]) => Buffer.from(kept.map((line) => `${line}\n`).join(''));
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] ?? '';
      await expectRefused(join(lines.toSpliced(i, 1)));
      await expectRefused(join(lines.toSpliced(i, 0, line)));
      if (i + 1 < lines.length) await expectRefused(join(lines.toSpliced(i, 2, lines[i + 1] ?? '', line)));
    }
  });

  it('where something stands before or after it', async () => {
    const whole = text();
    for (const damaged of [`\ufeff${whole}`, `\n${whole}`, `${whole}\n`, `${whole}x`, whole + whole, ` ${whole}`]) {
      await expectRefused(Buffer.from(damaged));
    }
  });

  it('with carriage returns that no tool puts there', async () => {
    const lines = text().split('\n');
    await expectRefused(Buffer.from(lines.join('\r')));
    await expectRefused(Buffer.from(lines.join('\r\r\n')));
    await expectRefused(Buffer.from(lines.map((line, i) => (i === 5 ? `${line}\r` : line)).join('\n')));
  });

  it.each([
    ['stand for too many patterns, by nesting and by product', ['{a,b}'.repeat(20)]],
    ['stand for too many patterns, by ranges', ['{1..1000}'.repeat(3)]],
    ['stand for too many patterns, all together', Array.from({ length: 101 }, (_, i) => `{1..10}${i + 100}`)],
    ['take for ever to match', [`${'*a'.repeat(12)}*b`]],
    ['are too long', ['a'.repeat(1001)]],
    ['lead out of the root', ['../a']],
  ])('by the line of its globs, where they %s', async (_, globs) => {
    const exclude = JSON.stringify([...globs].sort());
    const head = text()
      .replace('exclude ["**/*.map"]', `exclude ${exclude}`)
      .replace(/xxh64-.*\n$/, '');
    const error = await errorOf(() => parseManifest(`${head}xxh64-${hashText(head)}\n`));
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_MANIFEST', line: 5 });
    expect(error.message).toMatch(
      /stand for more than 1000 patterns|slow to match|longer than 1000|not relative to the root/,
    );
  });

  it('by the line of its fingerprint, where only that tells', async () => {
    const whole = text();
    const altered = whole.replace(/^[0-9a-f]{16}(?= {2}dist\/a\.js$)/m, '0'.repeat(16));
    expect(altered).not.toBe(whole);
    const error = await errorOf(() => parseManifest(altered));
    expect(error.line).toBe(whole.split('\n').length - 1);
    expect(error.message).toContain('altered');
  });
});

it('one with CRLF line ends says the same: git makes them where core.autocrlf is set', () => {
  const whole = text();
  expect(parseManifest(whole.replaceAll('\n', '\r\n'))).toEqual(parseManifest(whole));
});

it('an undamaged one is not refused', () => {
  const whole = text();
  expect(serializeManifest(parseManifest(whole))).toBe(whole);
});
