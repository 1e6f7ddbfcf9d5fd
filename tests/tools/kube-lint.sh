#!/usr/bin/env bash
# kube-lint.sh: checks Kubernetes, Istio and Prometheus operator manifests against their schemas, strictly, with nothing asked of a cluster.
# Usage: kube-lint.sh install | manifests FILE|DIR|-... [kubeconform's ARG...]
# Env: CINEMA_TOOLS, the folder where schemas stay (default ~/.cache/cinemaabyss-tools).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
kubernetes=1.36.0 carrier=1.37.0

install() {
  local crds venv from
  mapfile -t crds < <("$here/kube-crds.sh")
  home="$tools/schemas-$kubernetes-$(cat "$here/kube-schemas.py" "$here/kube-crds.sh" | cksum | cut -d' ' -f1)"
  "$here/go-tools.sh" install kubeconform
  if [ -f "$home/.complete" ]; then return; fi
  # kubernetes-validate is wanted for the schemas that it carries.
  venv="$("$here/venv.sh" "kube-$carrier" "kubernetes-validate==$carrier" pyyaml==6.0.3)"
  from="$(echo "$venv"/lib/python3*/site-packages/kubernetes_validate/kubernetes-json-schema/v"$kubernetes"-local-strict)"
  [ -d "$from" ] || { echo "kube-lint.sh: kubernetes-validate $carrier carries no schemas of Kubernetes $kubernetes" >&2; exit 1; }
  exec 9>"$tools/.schemas.lock"; flock 9
  if [ ! -f "$home/.complete" ]; then
    rm -rf "$home"; mkdir -p "$home"
    "$venv/bin/python" "$here/kube-schemas.py" native "$from" "$home"
    "$venv/bin/python" "$here/kube-schemas.py" crds "$home" "${crds[@]}"
    touch "$home/.complete"
  fi
  exec 9>&-
}

command="${1:-}"; [ $# -eq 0 ] || shift
case "$command" in
  install) install; echo "kube-lint: Kubernetes $kubernetes, $(basename "$(dirname "$("$here/kube-crds.sh" | head -1)")")" ;;
  manifests)
    install
    exec "$("$here/go-tools.sh" path)/kubeconform" -strict -summary -schema-location "$home/{{.ResourceKind}}{{.KindSuffix}}.json" \
      -schema-location "$home/{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json" "$@" ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
