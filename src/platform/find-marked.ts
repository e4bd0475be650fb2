/**
 * Finds processes from within a shell: on Linux in /proc, elsewhere with ps(1). It needs nothing of this release, which may be gone from
 * the disk by then.
 * @module
 */

/**
 * `marked` prints the PIDs of those that have $mark in their environment. `below PID` prints those of its descendants; of none but on
 * Linux.
 */
export const FIND_MARKED = `
marked() {
  if [ -e /proc/self/environ ]; then
    for file in $(grep -lszF -- "$mark" /proc/[0-9]*/environ); do
      file=\${file#/proc/}
      echo "\${file%/environ}"
    done
  else
    case $(uname) in Darwin) how=-E ;; *) how=-e ;; esac
    ps $how -A -ww -o pid=,command= | while read -r pid command; do
      case $command in *" $mark"*) echo "$pid" ;; esac
    done
  fi
}

below() {
  for pid in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
    echo "$pid"
    below "$pid"
  done
}
`;
