#!/usr/bin/env bash
# go-tools.sh: pinned tools that come as Go source: helm kubeconform promtool prometheus actionlint fortio istioctl docker-compose buildx coredns.
# Usage: go-tools.sh install NAME... (built where they are not yet; one build at a time) | path (the folder with the commands)
# Env: CINEMA_TOOLS, the folder where they stay (default ~/.cache/cinemaabyss-tools); GO_TOOLS_JOBS: compilers at once (default 2).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
bin="$tools/go-bin"

die() { echo "go-tools.sh: $*" >&2; exit 1; }

# NAME: sets `package`, `pin`, the lines of go.mod that fix its version, `tags` of the build and `flags` of the linker. Each tool is a module of its own, because some
# replace or exclude libraries in their go.mod, which `go install PACKAGE@VERSION` refuses.
recipe() {
  case "$1" in
    # As its releases are built: the Kubernetes that it takes for granted where no cluster is asked.
    helm) package=helm.sh/helm/v3/cmd/helm pin="helm.sh/helm/v3 v3.22.0"
      for where in chartutil lint/rules; do flags+=" -X helm.sh/helm/v3/pkg/$where.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$where.k8sVersionMinor=36"; done ;;
    kubeconform) package=github.com/yannh/kubeconform/cmd/kubeconform pin="github.com/yannh/kubeconform v0.8.0" ;;
    actionlint) package=github.com/rhysd/actionlint/cmd/actionlint pin="github.com/rhysd/actionlint v1.7.12" ;;
    # Later releases of fortio need a module that cannot be had everywhere.
    fortio) package=fortio.org/fortio pin="fortio.org/fortio v1.63.9" ;;
    # Without the clouds' service discoveries, which are most of it: targets here are static, or found by name.
    promtool | prometheus) package="github.com/prometheus/prometheus/cmd/$1" pin="github.com/prometheus/prometheus v0.315.0" tags=remove_all_sd,enable_dns_sd ;;
    # The one that docker-compose is made with.
    buildx) package=github.com/docker/buildx/cmd/buildx pin="github.com/docker/buildx v0.29.1" ;;
    coredns) package=github.com/coredns/coredns pin="github.com/coredns/coredns v1.14.7" ;;
    docker-compose) package=github.com/docker/compose/v2/cmd pin="github.com/docker/compose/v2 v2.40.3" ;;
    # Istio's tags are no Go versions: the commit is named, and its pre-release libraries are raised to released ones.
    istioctl) package=istio.io/istio/istioctl/cmd/istioctl
      pin="istio.io/istio v0.0.0-20260827124520-eed52ebb66ad
istio.io/api v1.31.1
istio.io/client-go v1.31.1
github.com/envoyproxy/go-control-plane/envoy v1.40.0
github.com/envoyproxy/go-control-plane/contrib v1.36.1-0.20260729145720-a2d8c7492908" ;;
    *) die "there is no tool $1; see the first line of $0" ;;
  esac
}

is_built() { # NAME: as its recipe is now
  local package pin tags="" flags="" where
  recipe "$1"
  [ -x "$bin/$1" ] && [ "$(cat "$tools/go/$1/.built" 2>/dev/null)" = "$pin$tags$flags" ]
}

build() { # NAME
  local name="$1" work="$tools/go/$1" package pin tags="" flags="" where began=$SECONDS
  recipe "$name"
  PATH="$("$here/go.sh" path):$PATH"
  echo "building $name from source; the first time takes some minutes" >&2
  mkdir -p "$work" "$bin"
  printf 'module cinemaabyss/tools\n\ngo 1.26.0\n\nrequire (\n%s\n)\n' "$pin" >"$work/go.mod"
  rm -f "$work/go.sum" "$work/.built"
  (cd "$work" && GOFLAGS="-mod=mod -buildvcs=false" GOTOOLCHAIN=local nice go build -p "${GO_TOOLS_JOBS:-2}" -tags "$tags" -ldflags "-s -w$flags" \
    -o "$bin/.$name.part" "$package" 2>build.log) || { grep -v '^go: downloading' "$work/build.log" | tail -5 >&2; die "$name could not be built"; }
  mv "$bin/.$name.part" "$bin/$name"; printf '%s' "$pin$tags$flags" >"$work/.built"
  echo "$name: built in $((SECONDS - began)) s" >&2
}

command="${1:-}"; [ $# -eq 0 ] || shift
case "$command" in
  install)
    [ $# -gt 0 ] || die "which tools?"
    mkdir -p "$tools"
    for name in "$@"; do
      if is_built "$name"; then continue; fi
      exec 9>"$tools/.go-tools.lock"; flock 9
      is_built "$name" || build "$name"
    done ;;
  path) echo "$bin" ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
