#!/usr/bin/env node
/**
 * The command line: runs what was asked for, and turns every error into one line and an exit code.
 * @module
 */

import { CommanderError } from 'commander';
import { complain, SAME, TROUBLE } from './output.ts';
import { createProgram } from './program.ts';
import { refuseMisspelling } from './suggest.ts';

function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(); // the reader has had enough: `| head`
    complain(new Error(`cannot write to stdout: ${error.message}`));
    process.exit();
  });
  process.stderr.on('error', () => {}); // nowhere is left to say it; the exit code still does
}

async function main(): Promise<void> {
  watchOutput();
  const program = createProgram();
  const args = process.argv.slice(2);
  try {
    if (args.length === 0) program.help({ error: true });
    refuseMisspelling(args[0] as string, program);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has printed its message, or the help, itself.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? SAME : TROUBLE;
    else complain(error);
  }
}

void main();
