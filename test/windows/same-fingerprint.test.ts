import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { serializeManifest } from '../../src/manifest/manifest.ts';
import { onlyWith } from '../helpers/needs.ts';
import { PACKAGES, toPackage } from './packages.ts';

const folder = process.env.DISTPRINT_PACKAGES;
const itWithPackages = onlyWith('npm run test:windows, which fetches packages', folder !== undefined);

itWithPackages.each(PACKAGES)('%s has the same fingerprint on every platform', (spec, fingerprint) => {
  const path = toPackage(folder ?? '', spec);
  const manifest = buildManifestSync(path);
  expect(manifest.fingerprint).toBe(fingerprint);
  const byLinux = `${path}.manifest`;
  if (existsSync(byLinux)) expect(serializeManifest(manifest)).toBe(readFileSync(byLinux, 'utf8'));
});
