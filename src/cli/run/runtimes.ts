/**
 * Finds the script among the words behind a runtime.
 * @module
 */

/** What a runtime is to run: a script with the words behind it; null where it is told to run something else. */
export type Run = { readonly script: string; readonly words: readonly string[] } | null;

/** By the runtime's name. */
const RUNTIMES: readonly (readonly [name: RegExp, find: (words: readonly string[]) => Run])[] = [
  [/^node(?:js)?(?:-?v?\d[\d.]*)?$/, (words) => findScript(words, NODE_VALUES, NODE_RUNS_NONE)],
  [/^tsx$/, (words) => findScript(words, TSX_VALUES, NODE_RUNS_NONE)],
  [/^bun$/, findBunScript],
];

/** Undefined where that is no name of a runtime. */
export function findRuntime(name: string): ((words: readonly string[]) => Run) | undefined {
  return RUNTIMES.find(([pattern]) => pattern.test(name))?.[1];
}

const toSet = (words: string): ReadonlySet<string> => new Set(words.trim().split(/\s+/));

/** Node 20 to 26: those that take the next word as their value. V8's own take none. */
const NODE_VALUES = toSet(`
  -C -r --allow-fs-read --allow-fs-write --build-snapshot-config --conditions --cpu-prof-dir --cpu-prof-interval
  --cpu-prof-name --debug-port --diagnostic-dir --disable-proto --disable-warning --dns-result-order --env-file
  --env-file-if-exists --experimental-config-file --experimental-default-config-file --experimental-default-type
  --experimental-loader --experimental-package-map --experimental-policy --heap-prof-dir --heap-prof-interval
  --heap-prof-name --heapsnapshot-near-heap-limit --heapsnapshot-signal --icu-data-dir --import --input-type
  --inspect-port --inspect-publish-uid --loader --localstorage-file --max-http-header-size
  --max-old-space-size-percentage --network-family-autoselection-attempt-timeout --openssl-config --policy-integrity
  --redirect-warnings --report-dir --report-directory --report-filename --report-signal --require --secure-heap
  --secure-heap-min --security-revert --security-reverts --snapshot-blob --title --tls-cipher-list --tls-keylog
  --trace-event-categories --trace-event-file-pattern --trace-require-module --unhandled-rejections --use-largepages
  --v8-pool-size --vfs-load --vfs-mount --watch-kill-signal --watch-path`);
const TSX_VALUES = new Set([...NODE_VALUES, '--tsconfig']);
const NODE_RUNS_NONE =
  /^(?:-|-e|-p|-pe|-c|-i|-h|-v|--eval|--print|--check|--interactive|--help|--version|--test|--run|--build-sea|--build-snapshot|--prof-process|--completion-bash|--v8-options|--experimental-sea-config|--entry-url|inspect|watch)(?:=|$)/;

/** `bun run --help` of 1.4, likewise. */
const BUN_VALUES = toSet(`
  -c -d -l -r --conditions --config --console-depth --cpu-prof-dir --cpu-prof-interval --cpu-prof-name --cron-period
  --cron-title --define --disable-warning --dns-result-order --drop --elide-lines --env-file --extension-order
  --feature --fetch-preconnect --heap-prof-dir --heap-prof-interval --heap-prof-name --import --install --jsx-factory
  --jsx-fragment --jsx-import-source --jsx-runtime --loader --main-fields --max-http-header-size --port --preload
  --redirect-warnings --require --shell --title --tsconfig-override --unhandled-rejections --user-agent
  --watch-kill-signal`);
/** One that changes the directory, or names packages, is not followed. */
const BUN_RUNS_NONE =
  /^(?:-|-e|-p|-F|-v|-h|--cwd|--eval|--print|--filter|--workspaces|--version|--revision|--help)(?:=|$)/;
/** What bun takes for a file, where a bare word may name a script of package.json, or a command of its own. */
const LOOKS_LIKE_FILE = /^\.{0,2}\/|\.[cm]?[jt]sx?$/;

function findBunScript(words: readonly string[]): Run {
  const found = findScript(words, BUN_VALUES, BUN_RUNS_NONE);
  if (found?.script === 'run') return findBunScript(found.words);
  return found !== null && LOOKS_LIKE_FILE.test(found.script) ? found : null;
}

function findScript(words: readonly string[], values: ReadonlySet<string>, runsNone: RegExp): Run {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '--') return toRun(words.slice(at + 1));
    if (runsNone.test(word)) return null;
    if (!word.startsWith('-')) return toRun(words.slice(at));
    if (values.has(word)) at++;
  }
  return null;
}

const toRun = ([script, ...words]: readonly string[]): Run => (script === undefined ? null : { script, words });

export const nodeTakesValue = (option: string): boolean => NODE_VALUES.has(option) || NODE_RUNS_NONE.test(option);
export const bunTakesValue = (option: string): boolean => BUN_VALUES.has(option) || BUN_RUNS_NONE.test(option);
