/**
 * What a platform is asked about processes. Each answers in a file of its own: linux.ts, macos.ts, bsd.ts, windows.ts.
 * @module
 */

import type { LaunchdJob } from './launchd.ts';
import type { ProcessEntry } from './process-table.ts';

/** What is told of a process that another one is the child of. */
export interface ProcessFacts {
  /** The first 15 bytes of its command's name. */
  readonly command: string | undefined;
  /** Its command line, as one text. */
  readonly words: string;
  /** Its session's number. Undefined where that can't be told. */
  readonly session: number | undefined;
}

/** The executable that a process runs, and what is at its path now. */
export interface RunningExecutable {
  /** Where it was started from, a raw path (disk/raw-path.ts). */
  readonly path: string;
  /** Where its bytes can be read, whatever became of the path. */
  readonly kept: string;
  /** Where the file is that has the path now, as that process sees it. Null where there is none. */
  readonly installed: Buffer | null;
  /** Whether that is the very file that runs. */
  readonly isSame: boolean;
}

export interface Platform {
  /** When the process that has this PID started: opaque, to be compared only. Undefined where none has it, or only a zombie. */
  readStarted(pid: number): string | undefined;
  /** The same of this process, as the lock at `base` is to name it. */
  readOwnStart(base: string): string | undefined;
  /** Whether the process that started then, and has this PID, is still there. A stopped one is. */
  lives(pid: number, started: string): boolean;
  /** Whether this user may not look at the process that has this PID: which one it is can't be told. */
  isHidden(pid: number): boolean;
  readFacts(pid: number): ProcessFacts | undefined;
  /** Null where it can't be known. */
  findExecutable(pid: number): RunningExecutable | null;
  /** What tells this machine from all others. Undefined where there is only the host's name for that. */
  readMachineId(): string | undefined;
  /** Whether this process has children that live. */
  hasChildren(): boolean;
  /** Whether this process is in the foreground of its terminal, which sends its signals there. Where nobody can tell, it is. */
  isInForeground(): boolean;
  /** A path by which a process's working directory can be entered. Undefined where there is none. */
  pathOfDirectory(pid: number): string | undefined;
  /**
   * The platform's own service manager, where it supervises this process.
   * @param status the exit status that `restarts` is about
   */
  findManager(env: NodeJS.ProcessEnv, status: number): Promise<LaunchdJob | undefined>;
  /**
   * The PIDs of those that live, ascending: the first process of a command, those that have its mark in their environment, and whoever
   * descends from one of them.
   * @param rootPid counts only while it is a child of this process: its PID may be another's by now
   * @param mark how the entry of the environment begins, ASCII
   */
  findTree(rootPid: number, mark: string): number[];
  /** The process that was born last of all on this machine, if it has the mark. Undefined where that can't be told. */
  findYoungest(mark: string): number | undefined;
  /** All processes, where parents alone tell what a command started, and nobody's environment can be read: findTree finds none. Null elsewhere. */
  readonly listProcesses: (() => Promise<readonly ProcessEntry[]>) | null;
  /** Ends a process and its descendants at once, where there are no signals. Null where there are. */
  readonly killTree: ((rootPid: number) => void) | null;
  /** Why an open file can't be executed; null where nothing speaks against it. */
  whyNotFormat(fd: number, size: number): string | null;
  /** Whether a name that no file stands for can be listened on, which the kernel takes away with its process. */
  readonly hasAbstractSockets: boolean;
  /** In milliseconds: how coarse the clock is that files are stamped with. */
  readonly clockTickMs: number;
  /** Whether it can be seen which process has accepted a connection. */
  readonly seesWhoAccepts: boolean;
  /**
   * Whether there are signals, which a process may hear before it ends; exec; listening sockets that a child inherits; parents that can be
   * looked at.
   */
  readonly isPosix: boolean;
}
