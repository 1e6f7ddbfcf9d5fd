#!/usr/bin/env bash
# dist.sh: builds the gateway as it is shipped: one code unit, linked as a whole, statically, and laid out by a profile of its own work.
# Usage: dist.sh        prints the program's path, target/dist/gateway
# Needs rustup (for llvm-profdata) and Python; without rustup it says so and builds without a profile.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$(cargo metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
host="$(rustc -vV | sed -n 's/^host: //p')"
built="$host/dist/gateway"
mkdir -p "$target/pgo" "$target/dist"

# A static program runs on any Linux of its processor, and holds 2 MiB less of memory than one that maps the C library.
static=""
case "$host" in *-linux-gnu) static="-Ctarget-feature=+crt-static -Clink-arg=-Wl,-z,pack-relative-relocs" ;; esac

# With --target the flags reach only what ends in the program, not what runs while it is built. The first word is where what is compiled
# stays: with other flags nothing of it can be used again.
build() { RUSTFLAGS="${*:2}" cargo build --profile dist -p gateway --bin gateway --target "$host" --target-dir "$1" >&2; }

# The functions that a profile saw at work, the busiest first. Side by side, they are all of the program's code that is ever read from disk.
busiest() {
  "$profdata" show --all-functions --counts "$1" | awk '
    /^  [^ ].*:$/ { name = substr($0, 3, length($0) - 3); sub(/^[^;]*;/, "", name) }
    /Block counts:/ { gsub(/[^0-9 ]/, " "); most = 0; for (i = 1; i <= NF; i++) if ($i + 0 > most) most = $i + 0; if (most) print most, name }
  ' | sort -rn | cut -d' ' -f2
}

profdata="$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata"
[ -x "$profdata" ] || ! command -v rustup >/dev/null || rustup component add llvm-tools >&2 || true
if [ ! -x "$profdata" ]; then
  echo "dist.sh: no llvm-profdata (rustup component add llvm-tools): built without a profile, about a quarter slower" >&2
  build "$target" "$static"
else
  echo "the gateway, instrumented" >&2
  build "$target/pgo" "-Cprofile-generate"
  # Named by what made it: while the sources stay the same nothing is trained or built again.
  profile="$target/pgo/$(cat "$target/pgo/$built" tests/bench/train | cksum | cut -d' ' -f1).profdata"
  if [ ! -f "$profile" ]; then
    echo "its work, for a profile" >&2
    raw="$(mktemp -d)"; trap 'rm -rf "$raw"' EXIT
    LLVM_PROFILE_FILE="$raw/%p-%m.profraw" tests/bench/train "$target/pgo/$built" >&2
    rm -f "$target"/pgo/*.profdata* "$target"/pgo/*.order
    "$profdata" merge -o "$profile" "$raw"
    "$profdata" merge -o "$profile.start" "$raw"/start-*
  fi
  order=""
  if [ "$host" = x86_64-unknown-linux-gnu ]; then # there the toolchain's own linker is LLVM's, which takes an order
    # What every gateway needs lies before what only some do, so that it is all that one at rest has in memory. What the
    # profile did not see of that was written down by tests/bench/functions.
    busiest "$profile" >"$profile.all"
    busiest "$profile.start" | grep -xFf - "$profile.all" >"$profile.first"
    { cat "$profile.first" tests/tools/functions.txt; grep -vxFf "$profile.first" "$profile.all"; } >"$profile.order"
    ordered="$target/pgo/$(cksum <"$profile.order" | cut -d' ' -f1).order" # by what it says, so that cargo sees another one
    mv "$profile.order" "$ordered"
    order="-Clink-arg=-Wl,--symbol-ordering-file=$ordered,--no-warn-symbol-ordering"
  fi
  echo "the gateway, by that profile" >&2
  build "$target" "-Cprofile-use=$profile" "$static" "$order"
fi
cp "$target/$built" "$target/dist/gateway"
echo "$target/dist/gateway"
