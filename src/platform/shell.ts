/**
 * Words for a POSIX shell.
 * @module
 */

/** One word, whatever is in it. */
export const quoteForShell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
