#!/usr/bin/env bash
# image.sh: builds the project's images without a Docker engine, by buildah in a chroot, and runs one. Needs Debian and root.
# Usage: image.sh build [ARCH]              all images of the Dockerfile (amd64 or arm64; default this machine's); prints names and sizes
#        image.sh names                     of these images, for this machine's processor
#        image.sh make NAME DIR             the image of another Dockerfile
#        image.sh size NAME | config NAME   in bytes; its settings as JSON
#        image.sh run NAME [-e VAR=VALUE | -v DIR:DIR]... [-- ARG...]   by runc, confined, with this machine's network; both folders read only
#        image.sh files NAME DIR            what is in it
#        image.sh tar NAME FILE             as `docker save` has it
# Env: CINEMA_TOOLS, the folder where images and their layers stay (default ~/.cache/cinemaabyss-tools).
# No registry is asked: the base of the build stage is made here, of Debian's packages and of this machine's own Rust toolchain.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
home="$tools/images"
cargo="${CARGO_HOME:-$HOME/.cargo}"
rustup="${RUSTUP_HOME:-$HOME/.rustup}"
registry=ghcr.io/cinemaabyss/cinemaabyss
debian=localhost/debian:bookworm
version="$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -1)"
base="$(sed -n 's/^FROM .*\(rust:[^ ]*\) AS build$/\1/p' "$here/../../Dockerfile")"

die() { echo "image.sh: $*" >&2; exit 1; }
usage() { sed -n '3,9p' "$0" >&2; exit 2; }
bud() { buildah --storage-driver overlay --root "$home/store" --runroot "$home/run" "$@"; }
has() { bud inspect --type image "$1" >/dev/null 2>&1; }
from() { # NAME COMMAND...: an image of Debian's packages, made once
  local name="$1" work; shift
  if has "$name"; then return; fi
  echo "making $name" >&2
  work="$(mktemp -d "$tools/.image.XXXXXX")"
  "$@" "$work" >"$work.log" 2>&1 || { tail -5 "$work.log" >&2; die "$name could not be made"; }
  bud bud -q --isolation chroot --pull-never -t "$name" "$work" >/dev/null
  rm -rf "$work" "$work.log"
}
bare() {
  debootstrap --variant=minbase bookworm "$1/root"
  rm -rf "$1/root/var/cache/apt/archives"/*.deb
  printf 'FROM scratch\nCOPY root /\nCMD ["/bin/bash"]\n' >"$1/Dockerfile"
}
with_compilers() {
  cat >"$1/Dockerfile" <<DOCKERFILE
FROM $debian
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends build-essential ca-certificates perl python3-minimal >/dev/null
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
DOCKERFILE
}

# The service's name in the registry, and the Dockerfile's.
images() { printf '%s\n' proxy-service=gateway monolith=monolith movies-service=movies users-service=users payments-service=payments events-service=events; }

build() {
  local here_arch arch pair name; here_arch="$(dpkg --print-architecture)" arch="${1:-$(dpkg --print-architecture)}"
  command -v cargo >/dev/null || die "Rust is missing: see https://rustup.rs"
  from "$debian" bare
  from "localhost/$base" with_compilers
  # The toolchain and the crates that this machine has, and the certificates that it trusts, for the build alone.
  local mounts=(--volume "$cargo:/usr/local/cargo" --volume "$rustup:/usr/local/rustup" --volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro)
  for pair in $(images); do
    name="$registry/${pair%%=*}:$version"; [ "$arch" = "$here_arch" ] || name+="-$arch"
    # This buildah does not fill BUILDPLATFORM in by itself.
    bud bud -q --isolation chroot --pull-never --layers --format docker --platform "linux/$arch" --build-arg "BUILDPLATFORM=linux/$here_arch" "${mounts[@]}" \
      --build-arg "BIN=${pair#*=}" --build-arg "VERSION=$version" -t "$name" "$here/../.." >"$home/build-$arch.log" 2>&1 \
      || { tail -30 "$home/build-$arch.log" >&2; die "$name could not be built"; }
    echo "$name $(size "$name")"
  done
}

config() { bud inspect --type image "$1" | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["Docker"]["config"]))'; }
size() { bud inspect --type image --format '{{.Manifest}}' "$1" | python3 -c 'import json, sys; print(sum(layer["size"] for layer in json.load(sys.stdin)["layers"]))'; }

run() { # NAME OPTION... -- ARG...
  local name="$1" bundle status=0; shift
  bundle="$(mktemp -d "${TMPDIR:-/tmp}/image-run.XXXXXX")"; mkdir "$bundle/rootfs"
  files "$name" "$bundle/rootfs"
  (cd "$bundle" && runc spec)
  # The image's own settings, confined as the deployments confine it, but for the network, which is this machine's.
  config "$name" | python3 "$here/bundle.py" "$bundle" "$@" || usage
  # What ends this script ends the program, and its status is the script's.
  local id; id="$(basename "$bundle")"
  trap 'runc kill "$id" TERM 2>/dev/null || true' TERM INT
  runc run --bundle "$bundle" "$id" & local runc=$!
  while kill -0 "$runc" 2>/dev/null; do status=0; wait "$runc" || status=$?; done
  rm -rf "$bundle"
  return "$status"
}

files() { # NAME DIR
  local container mounted
  container="$(bud from --pull-never "$1")"
  mounted="$(bud mount "$container")"
  cp -a "$mounted/." "$2/"
  bud umount "$container" >/dev/null; bud rm "$container" >/dev/null
}

[ $# -ge 1 ] || usage
[ "$(id -u)" = 0 ] || die "images are built as root here"
"$here/need.sh" buildah=buildah debootstrap=debootstrap runc=runc python3=python3 >&2
mkdir -p "$home"
command="$1"; shift
case "$command" in
  build) build "$@" ;;
  names) images | sed "s|\(.*\)=.*|$registry/\1:$version|" ;;
  make) bud bud -q --isolation chroot --pull-never --layers -t "${1:?NAME}" "${2:?DIR}" >/dev/null ;;
  size) size "${1:?NAME}" ;;
  config) config "${1:?NAME}" ;;
  run) run "$@" ;;
  files) files "${1:?NAME}" "${2:?DIR}" ;;
  tar) rm -f "${2:?FILE}"; bud push -q "${1:?NAME}" "docker-archive:$2:$1" ;;
  *) usage ;;
esac
