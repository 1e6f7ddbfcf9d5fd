#!/usr/bin/env bash
# manifests.sh: k8s/ and istio/ as the chart gives them, so that `kubectl apply -k k8s` (or istio) needs no Helm; and copies that the chart needs.
# Usage: manifests.sh write | check
#   write  copies what the chart carries of the repository into chart/files, and renders k8s/ and istio/
#   check  says what is not current; exit 1 if something is
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="$PWD/tests/tools"
helm() { "$("$tools/go-tools.sh" path)/helm" "$@"; }

# What a packaged chart has to carry with it: its own name of a file, the repository's.
copies=(routes.yaml=routes.yaml topics=kafka/topics make-topics.sh=kafka/make-topics.sh server.properties=kafka/server.properties
  postman.json=tests/postman/cinemaabyss.json rules.yaml=observe/rules.yaml)
copy() { # CHART-FOLDER
  local pair
  mkdir -p "$1/files"
  for pair in "${copies[@]}"; do cp "${pair#*=}" "$1/files/${pair%%=*}"; done
  rm -rf "$1/files/dashboards"; cp -R observe/dashboards "$1/files/dashboards"
}

template() { helm template cinemaabyss chart --namespace cinemaabyss --values chart/values-k8s.yaml "$@"; }

split() { # FOLDER: a file for each template of what comes in
  mkdir -p "$1"
  awk -v folder="$1" '
    /^---$/ { next }
    /^# Source: / { name = $3; sub(".*/", "", name); file = folder "/" name
      if (file in seen) print "---" >>file; else print "# Written by tests/tools/manifests.sh: edit chart/ instead." >file
      seen[file] = 1; next }
    { print >>file }' -
}

kustomization() { # FOLDER MEANING RESOURCE...
  local folder="$1" meaning="$2"; shift 2
  { printf '# Written by tests/tools/manifests.sh. %s\n' "$meaning"; printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n'
    printf '  - %s\n' "$@"; } >"$folder/kustomization.yaml"
}

render() { # FOLDER
  local out="$1" names
  rm -rf "$out"
  template | split "$out"
  # What the others stand in comes first.
  mapfile -t names < <(cd "$out" && find . -name '*.yaml' ! -name namespace.yaml -printf '%P\n' | LC_ALL=C sort)
  kustomization "$out" "Everything: kubectl apply -k k8s" namespace.yaml "${names[@]}"
  template --set monitoring.enabled=true --show-only templates/monitoring.yaml | split "$out/overlays/monitoring"
  kustomization "$out/overlays/monitoring" "On top of k8s: kubectl apply -k k8s/overlays/monitoring" monitoring.yaml
}

render_istio() { # FOLDER: k8s with the mesh's resources, and what the mesh changes in it
  local out="$1"
  template --set istio.enabled=true,istio.fortio.enabled=true --show-only templates/istio.yaml --show-only templates/fortio.yaml \
    --show-only templates/namespace.yaml --show-only templates/routes.yaml | split "$out"
  kustomization "$out" "Everything of k8s, in the mesh: kubectl apply -k istio. fortio.yaml, the load test, is applied by itself." ../k8s istio.yaml
  printf 'patches:\n  - path: namespace.yaml # sidecars are injected\n  - path: routes.yaml # upstreams get their own Host\n' >>"$out/kustomization.yaml"
}

command="${1:-}"; [ $# -eq 0 ] || shift
case "$command" in write | check) "$tools/go-tools.sh" install helm ;; esac
case "$command" in
  write) copy chart; render k8s; rm -f istio/*.yaml; render_istio istio ;;
  check)
    work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
    copy "$work/chart"; render "$work/k8s"; render_istio "$work/istio"
    bad=0
    diff -r "$work/chart/files" chart/files -x init.sql || bad=1
    diff -r "$work/k8s" k8s || bad=1
    diff -r "$work/istio" istio -x README.md || bad=1
    [ "$bad" = 0 ] || echo "not current: run tests/tools/manifests.sh write" >&2
    exit "$bad" ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
