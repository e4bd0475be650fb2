/**
 * Every error that distprint raises, typed with a stable `code` as Node's own are.
 * @module
 */
export class DistprintError extends Error {
  name = 'DistprintError';
  code;
  path;
  line;
  constructor(code, message, where = {}) {
    super(message, where.cause === undefined ? undefined : { cause: where.cause });
    this.code = code;
    if (where.path !== undefined) this.path = where.path;
    if (where.line !== undefined) this.line = where.line;
  }
}
/** True for a `DistprintError`, and, where a code is given, only for one of that code. */
export function isDistprintError(error, code) {
  return error instanceof DistprintError && (code === undefined || error.code === code);
}
/** The errno name of an operating system error (`ENOENT`), or undefined for anything else. */
export function errnoOf(error) {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
const HINTS = {
  EACCES: 'permission denied (EACCES): run as a user who may read it, or exclude it',
  EPERM: 'operation not permitted (EPERM): run as a user who may read it, or exclude it',
  EMFILE: 'this process has too many files open (EMFILE): close some, or raise `ulimit -n`',
  ENFILE: 'the system has too many files open (ENFILE): close some programs',
  EIO: 'input/output error (EIO): the disk or the network behind it failed',
};
/** An operating system error while reading `path`, said in our terms; anything else comes back as it was. */
export function unreadable(error, path) {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const reason = HINTS[errno] ?? error.message;
  return new DistprintError('ERR_DISTPRINT_UNREADABLE', `cannot read ${path}: ${reason}`, { path, cause: error });
}
