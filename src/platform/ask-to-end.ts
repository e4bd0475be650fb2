/** Signals that ask a process to end. SIGBREAK is Ctrl-Break of Windows. */
export const ASK_TO_END: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGBREAK']);
