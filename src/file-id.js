/**
 * What the file system says of a file without its content being read, and when that may be trusted.
 *
 * The rule is that of git's index (Documentation/technical/racy-git.txt) and of Go's build cache
 * (cmd/go/internal/cache, modTimeCutoff): same device, inode, size, mtime and ctime means same content,
 * unless the timestamp is so young that the file may have been written once more within the same tick of the clock.
 * @module
 */
export function sameId(a, b) {
  return a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}
/** The coarsest timestamps of a file system in use are FAT's, of 2 s. */
export const RACY_MS = 2_000;
/**
 * Whether a reading begun at `wallMs` (Date.now()) may have missed a later write that left the same timestamps behind.
 * ctime alone decides: every write moves it, and nobody can set it back, which `touch -r` does with mtime.
 * A ctime in the future (the clock was set back) is racy until the clock has caught up.
 */
export function isRacy(ctimeMs, wallMs) {
  return !(ctimeMs < wallMs - RACY_MS);
}
/** A plain copy, so that no `Stats` object with its dates is kept. */
export function toKnownId({ dev, ino, size, mtimeMs, ctimeMs }, wallMs) {
  return { dev, ino, size, mtimeMs, ctimeMs, racy: isRacy(ctimeMs, wallMs) };
}
