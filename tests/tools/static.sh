#!/usr/bin/env bash
# static.sh: compiles the programs as the images hold them: with all libraries inside, for this machine's processor or for the other.
# Usage: static.sh tools ARCH          Rust's library for amd64 or arm64, and a C compiler for it (Debian, as root)
#        static.sh dependencies ARCH   compiles what the programs stand on; a build keeps that while Cargo.lock stays
#        static.sh programs ARCH DIR   the programs, into DIR
# The C library is Debian's own, linked in: since 2.34 it brings along what looks up names, so a static program can.
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=(gateway monolith movies users payments events)

[ $# -ge 2 ] || { sed -n '3,5p' "$0" >&2; exit 2; }
case "$2" in
  amd64) cpu=x86_64 ;;
  arm64) cpu=aarch64 ;;
  *) echo "static.sh: no build for $2: amd64 or arm64" >&2; exit 2 ;;
esac
rust="$cpu-unknown-linux-gnu"
compiler="${cpu/_/-}-linux-gnu"

tools() {
  if ! command -v "$cpu-linux-gnu-g++" >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "g++-$compiler" "libc6-dev-$1-cross"
    rm -rf /var/lib/apt/lists/*
  fi
  rustup target add "$rust"
}

compile() {
  local variable="CARGO_TARGET_${cpu^^}_UNKNOWN_LINUX_GNU"
  # The names of the compiler for whoever asks: cargo, the crate `cc`, and the configure script of librdkafka.
  export "${variable}_LINKER=$cpu-linux-gnu-gcc" CC="$cpu-linux-gnu-gcc" CXX="$cpu-linux-gnu-g++" AR="$cpu-linux-gnu-ar"
  # What runs while it is built may need C as well: sqlx's macros bring an SQLite.
  export HOST_CC=cc HOST_CXX=c++ HOST_AR=ar
  # With --target they reach only what ends in the program, not what runs while it is built.
  export "${variable}_RUSTFLAGS=-Ctarget-feature=+crt-static"
  # Function names stay, for a backtrace; lines of sources would be most of the file.
  CARGO_PROFILE_DIST_DEBUG=false cargo build --locked --profile dist --target "$rust" "$@"
}

dependencies() {
  mkdir -p gateway/src services/src tests/src
  touch gateway/src/lib.rs services/src/lib.rs tests/src/lib.rs
  compile --lib -p gateway -p services
}

build() { # DIR
  local program wanted=()
  for program in "${programs[@]}"; do wanted+=(--bin "$program"); done
  # Cargo compares times, and a checkout may be older than the empty sources that were compiled in their place.
  find gateway/src services/src -name '*.rs' -exec touch {} +
  compile -p gateway -p services "${wanted[@]}"
  mkdir -p "$1"
  for program in "${programs[@]}"; do
    cp "${CARGO_TARGET_DIR:-target}/$rust/dist/$program" "$1/"
  done
}

case "$1" in
  tools) tools "$2" ;;
  dependencies) dependencies ;;
  programs) build "${3:?DIR}" ;;
  *) sed -n '3,5p' "$0" >&2; exit 2 ;;
esac
