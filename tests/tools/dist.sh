#!/usr/bin/env bash
# dist.sh: builds the gateway as it is shipped: one code unit, linked as a whole, and laid out by a profile of its own work.
# Usage: dist.sh        prints the program's path, target/dist/gateway
# Needs rustup (for llvm-profdata) and Python; without rustup it says so and builds without a profile.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$(cargo metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
host="$(rustc -vV | sed -n 's/^host: //p')"
built="$target/pgo/$host/dist/gateway"
mkdir -p "$target/pgo" "$target/dist"

# With --target the flags reach only what ends in the program, not what runs while it is built.
build() { RUSTFLAGS="$1" cargo build --profile dist -p gateway --bin gateway --target "$host" --target-dir "$target/pgo" >&2; }

profdata="$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata"
[ -x "$profdata" ] || ! command -v rustup >/dev/null || rustup component add llvm-tools >&2 || true
if [ ! -x "$profdata" ]; then
  echo "dist.sh: no llvm-profdata (rustup component add llvm-tools): built without a profile, about a quarter slower" >&2
  build ""
else
  echo "the gateway, instrumented" >&2
  build "-Cprofile-generate"
  # Named by what made it: while the sources stay the same nothing is trained or built again.
  profile="$target/pgo/$(cat "$built" tests/bench/train | cksum | cut -d' ' -f1).profdata"
  if [ ! -f "$profile" ]; then
    echo "its work, for a profile" >&2
    raw="$(mktemp -d)"; trap 'rm -rf "$raw"' EXIT
    LLVM_PROFILE_FILE="$raw/%p-%m.profraw" tests/bench/train "$built" >&2
    rm -f "$target"/pgo/*.profdata
    "$profdata" merge -o "$profile" "$raw"
  fi
  echo "the gateway, by that profile" >&2
  build "-Cprofile-use=$profile"
fi
cp "$built" "$target/dist/gateway"
echo "$target/dist/gateway"
