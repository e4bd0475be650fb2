/**
 * The formats that Linux executes. The ELF format: elf(5). Scripts: execve(2), "Interpreter scripts".
 * @module
 */

import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';
import { OWN_EXECUTABLE, orUndefined } from './proc.ts';

/** Linux may still know it (binfmt_misc), and a shell takes it for a script. */
export const OTHER_FORMAT = 'it is neither an ELF executable nor a script with an interpreter';
/** Linux may still know it: 32 bits beside 64, and what binfmt_misc emulates. */
export const OTHER_MACHINE = 'it is an ELF executable of another machine than this process';

/** The kernel reads no more of a script's first line. */
const SCRIPT_LINE_BYTES = 256;
const ELF = Buffer.from('\x7fELF', 'latin1');

/** Why Linux can't execute an open file; null where nothing speaks against it. */
export function whyNotLinuxFormat(fd: number, size: number): string | null {
  const head = readAt(fd, 0, SCRIPT_LINE_BYTES);
  if (head.subarray(0, 4).equals(ELF)) return examineElf(fd, head, size);
  const interpreter = head.toString('latin1').match(/^#![ \t]*([^ \t\n]+)/)?.[1];
  if (interpreter === undefined) return OTHER_FORMAT;
  return whyMissing(interpreter, 'its interpreter');
}

const PT_LOAD = 1;
const PT_INTERP = 3;

/** That all segments lie within the file, that its loader is there, and that it is of our machine. */
function examineElf(fd: number, head: Buffer, size: number): string | null {
  const is64 = head[4] === 2;
  const isLittle = head[5] === 1;
  if (!is64 || !isLittle) return whyOtherMachine(head); // its headers have another layout
  if (head.length < 64) return 'its ELF header is cut off';
  const [offset, entrySize, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  const headers = readAt(fd, offset, entrySize * count);
  if (headers.length < entrySize * count || entrySize < 56) return 'its ELF program headers are cut off';
  for (let at = 0; at < headers.length; at += entrySize) {
    const type = headers.readUInt32LE(at);
    const start = Number(headers.readBigUInt64LE(at + 8));
    const length = Number(headers.readBigUInt64LE(at + 32));
    if (type === PT_LOAD && start + length > size) return `it is cut off at ${size} bytes`;
    if (type !== PT_INTERP) continue;
    const missing = whyMissing(readAt(fd, start, length).toString('latin1').replace(/\0.*$/s, ''), 'its loader');
    if (missing !== null) return missing;
  }
  return whyOtherMachine(head);
}

/** The executable that runs this process shows which machine is ours. Where it can't be read, nothing is compared. */
function whyOtherMachine(head: Buffer): string | null {
  const own = orUndefined(() => readHead(OWN_EXECUTABLE as string));
  return own === undefined || readMachine(own) === readMachine(head) ? null : OTHER_MACHINE;
}

/** The class and the order of bytes, and `e_machine`. */
const readMachine = (head: Buffer) => head.toString('latin1', 4, 6) + head.toString('latin1', 18, 20);

function readHead(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    return readAt(fd, 0, 20);
  } finally {
    closeSync(fd);
  }
}

function whyMissing(path: string, what: string): string | null {
  try {
    accessSync(Buffer.from(path, 'latin1'), constants.X_OK);
    return null;
  } catch (error) {
    return `${what}: ${(error as Error).message}`;
  }
}

/** Fewer bytes where the file ends before. */
function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.min(length, MAX_READ_BYTES));
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, position));
}

/** No table of program headers, and no path, is larger. */
const MAX_READ_BYTES = 65_536;
