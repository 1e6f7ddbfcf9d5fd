#!/usr/bin/env bash
# kube-crds.sh: the CustomResourceDefinitions of Istio, the Gateway API and the Prometheus operator, from their Go modules; prints the files.
# Usage: kube-crds.sh
# Env: CINEMA_TOOLS, the folder where they stay (default ~/.cache/cinemaabyss-tools); they are fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
istio=1.31.1 gateway_api=1.6.3 operator=0.85.0
home="$tools/crds-$(cksum <"$here/kube-crds.sh" | cut -d' ' -f1)"

module() { # MODULE VERSION: its folder
  (cd "$home.part" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod download -json "$1@v$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
}

if [ ! -f "$home/.complete" ]; then
  PATH="$("$here/go.sh" path):$PATH"
  mkdir -p "$tools"; exec 9>"$tools/.crds.lock"; flock 9
  if [ ! -f "$home/.complete" ]; then
    echo "fetching CustomResourceDefinitions from Go modules" >&2
    rm -rf "$home" "$home.part"; mkdir -p "$home.part"
    printf 'module cinemaabyss/tools\n\ngo 1.24\n' >"$home.part/go.mod"
    cp "$(module istio.io/api "$istio")/kubernetes/customresourcedefinitions.gen.yaml" "$home.part/istio.yaml"
    cp "$(module sigs.k8s.io/gateway-api "$gateway_api")/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml" "$home.part/"
    from="$(module github.com/prometheus-operator/prometheus-operator "$operator")/example/prometheus-operator-crd"
    for kind in servicemonitors prometheusrules; do cp "$from/monitoring.coreos.com_$kind.yaml" "$home.part/"; done
    chmod -R u+w "$home.part"; mv "$home.part" "$home"; touch "$home/.complete"
  fi
  exec 9>&-
fi
printf '%s\n' "$home"/*.yaml
