/**
 * Every error that distprint raises, typed with a stable `code` as Node's own are.
 * @module
 */

/** What went wrong. The meaning of a code never changes; messages may. */
export type DistprintErrorCode =
  /** Nothing is there: no such path, or a package without its `package.json`. */
  | 'ERR_DISTPRINT_NOT_FOUND'
  /** The path is a FIFO, socket or device: not something that can be installed. */
  | 'ERR_DISTPRINT_UNSUPPORTED_FILE'
  /** `package.json` is not a JSON object, or its `version` is no string. */
  | 'ERR_DISTPRINT_PACKAGE_JSON'
  /** The operating system refused to list or read something; `cause.code` has its errno (EACCES, EMFILE, EIO, …). */
  | 'ERR_DISTPRINT_UNREADABLE'
  /** It kept changing while it was read. Try again when the writer is done. */
  | 'ERR_DISTPRINT_UNSTABLE'
  /** More entries than any release has. Most likely, directory links multiply. */
  | 'ERR_DISTPRINT_TOO_MANY_FILES'
  /** A manifest's text is damaged; `line` says where. */
  | 'ERR_DISTPRINT_MANIFEST'
  /** Two manifests do not cover the same, so they cannot be compared. */
  | 'ERR_DISTPRINT_COVERAGE'
  /** An option or argument does not have the documented form. */
  | 'ERR_DISTPRINT_OPTION'
  /** Another runner is alive and holds the lock. */
  | 'ERR_DISTPRINT_RUNNING'
  /** A replacement was not granted the lock in time: its predecessor goes on. */
  | 'ERR_DISTPRINT_NOT_GRANTED'
  /** This process can't be a runner: a worker thread, say. */
  | 'ERR_DISTPRINT_HOST'
  /** A state file is damaged, of a later format, somebody else's, or in a folder that others may write. */
  | 'ERR_DISTPRINT_STATE';

interface Where {
  /** The file or directory it is about. */
  path?: string;
  /** The line of a manifest, from 1. */
  line?: number;
  cause?: unknown;
}

/** Thrown for everything that distprint finds wrong. `code` is stable, `message` is for people. */
export class DistprintError extends Error {
  override readonly name = 'DistprintError';
  readonly code: DistprintErrorCode;
  // Declared, not defined: an uncaught error would print `line: undefined`.
  declare readonly path?: string;
  declare readonly line?: number;

  constructor(code: DistprintErrorCode, message: string, where: Where = {}) {
    super(message, where.cause === undefined ? undefined : { cause: where.cause });
    this.code = code;
    if (where.path !== undefined) this.path = where.path;
    if (where.line !== undefined) this.line = where.line;
  }
}

/** True for a `DistprintError`, and, where a code is given, only for one of that code. */
export function isDistprintError(error: unknown, code?: DistprintErrorCode): error is DistprintError {
  return error instanceof DistprintError && (code === undefined || error.code === code);
}

/** The errno name of an operating system error (`ENOENT`), or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether the error says that nothing is there: no such name, a file in place of a directory, links in a loop. */
export function leadsNowhere(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP';
}

const HINTS: Record<string, string> = {
  EACCES: 'permission denied (EACCES): run as a user who may read it, or exclude it',
  EPERM: 'operation not permitted (EPERM): run as a user who may read it, or exclude it',
  EMFILE: 'this process has too many files open (EMFILE): close some, or raise `ulimit -n`',
  ENFILE: 'the system has too many files open (ENFILE): close some programs',
  EBUSY: 'another program holds it (EBUSY): try again when that is done',
  EIO: 'input/output error (EIO): the disk or the network behind it failed',
};

/** An operating system error while reading `path`, said in our terms; anything else comes back as it was. */
export function unreadable(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const reason = HINTS[errno] ?? (error as Error).message;
  return new DistprintError('ERR_DISTPRINT_UNREADABLE', `cannot read ${path}: ${reason}`, { path, cause: error });
}
