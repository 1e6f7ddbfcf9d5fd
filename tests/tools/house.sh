#!/usr/bin/env bash
# house.sh: what CONTRIBUTING asks of every file and a compiler does not see. Prints each offence; exit 1 if there is one.
# Usage: tests/tools/house.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
offence() { echo "house: $*"; bad=1; }

while IFS= read -r file; do
  lines="$(wc -l <"$file")"
  [ "$lines" -le 400 ] || offence "$file has $lines lines (400)"
  case "$file" in *.rs) ;; *) continue ;; esac
  head -1 "$file" | grep -q '^//!' || offence "$file does not open with //!"
  case "/${file%.rs}/" in */util/* | */utils/* | */helper/* | */helpers/* | */common/* | */misc/* | */types/* | */core/*) offence "$file: a name that says nothing" ;; esac
done < <(git ls-files -co --exclude-standard '*.rs' '*.sh' '*.py' 'tests/run' 'tests/bench/*' '.ci/run')

found() { # WHAT PATTERN PATH...: lines that must not be there
  local what="$1" pattern="$2"; shift 2
  if git grep -nE --untracked "$pattern" -- "$@"; then offence "$what"; fi
}
found "unfinished work" '\b(TODO|FIXME|XXX)\b|\b(todo|unimplemented)!' '*.rs' '*.yaml' 'Makefile' 'tests/run' 'tests/postman/*.js'
found "allow without a reason: use expect(lint, reason = ...)" '#!?\[allow\(' '*.rs'
found "a sleep in a test: wait on a state" '\b(thread|time)::sleep\(' 'tests/*.rs' '*/tests/*.rs'

# The fuzz targets are a workspace of their own, that nothing else builds.
known="$(sed -n '/^name = "gateway"$/,/^\]/s/^ "\([^ "]*\).*/\1/p' gateway/fuzz/Cargo.lock)"
while IFS= read -r crate; do
  grep -qE "(^|-)$crate\$" <<<"$known" ||
    offence "gateway/fuzz/Cargo.lock does not know $crate yet: cargo metadata --manifest-path gateway/fuzz/Cargo.toml"
done < <(sed -n '/^\[dependencies\]/,/^\[dev-/s/^\([a-z0-9_-]*\)[. ].*/\1/p' gateway/Cargo.toml)
exit "$bad"
