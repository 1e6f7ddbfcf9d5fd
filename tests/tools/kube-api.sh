#!/usr/bin/env bash
# kube-api.sh: a real Kubernetes API server with its etcd on loopback and no node: for kubectl apply and helm install.
# Usage: kube-api.sh install [--with-controllers] | start --data DIR [--with-controllers] | stop --data DIR | build COMMAND...
# `start` prints nothing and leaves DIR/kubeconfig; it takes free ports. `build` prints the folder of the commands that it built.
# Env: CINEMA_TOOLS, the folder where programs stay (default ~/.cache/cinemaabyss-tools): built from the module k8s.io/kubernetes, once.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
version=1.36.3
home="$tools/kubernetes-$version"
data="" controllers=""

die() { echo "kube-api.sh: $*" >&2; exit 1; }

build() { # COMMAND...: those of the release that are not there yet
  local missing=() command source module staged k=k8s.io/component-base/version minor
  for command in "$@"; do [ -x "$home/bin/$command" ] || missing+=("$command"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  PATH="$("$here/go.sh" path):$PATH"
  echo "building ${missing[*]} of Kubernetes $version from source; the first time takes some minutes" >&2
  source="$home/src"; mkdir -p "$source" "$home/bin"
  module="$(cd "$source" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')"
  [ -d "$module" ] || die "the module k8s.io/kubernetes@v$version can't be had"
  # The release pins its libraries by folder; outside of its tree the same libraries are had by version (1.x is v0.x there).
  staged="s|=> \./staging/src/\(k8s\.io/[a-z-]*\)|=> \1 v0.${version#*.}|"
  { echo "module cinemaabyss/kubernetes"; sed -e '/^module /d' -e "$staged" "$module/go.mod"; echo "require k8s.io/kubernetes v$version"; } >"$source/go.mod"
  cp "$module/go.sum" "$source/go.sum"; chmod u+w "$source/go.sum"
  minor="${version#*.}"; minor="${minor%%.*}"
  for command in "${missing[@]}"; do
    (cd "$source" && GOFLAGS="-mod=mod -buildvcs=false" GOTOOLCHAIN=local nice go build -p "${GO_TOOLS_JOBS:-2}" \
      -ldflags "-s -w -X $k.gitVersion=v$version -X $k.gitMajor=1 -X $k.gitMinor=$minor" \
      -o "$home/bin/.$command.part" "k8s.io/kubernetes/cmd/$command" 2>build.log) \
      || { grep -v '^go: downloading' "$source/build.log" | tail -5 >&2; die "$command could not be built"; }
    mv "$home/bin/.$command.part" "$home/bin/$command"
  done
}

there() { local command; for command in "$@"; do [ -x "$home/bin/$command" ] || return 1; done; }
install() {
  local wanted=(kube-apiserver)
  "$here/need.sh" etcd=etcd-server openssl=openssl >&2
  command -v kubectl >/dev/null || wanted+=(kubectl)
  [ -z "$controllers" ] || wanted+=(kube-controller-manager)
  build_alone "${wanted[@]}"
}
# One build from source at a time: the lock of go-tools.sh. Who finds everything there waits for nobody.
build_alone() {
  if there "$@"; then return; fi
  mkdir -p "$tools"; exec 9>"$tools/.go-tools.lock"; flock 9
  build "$@"
  exec 9>&-
}

# ---- a running one: DIR/NAME.pid and DIR/NAME.log for each part

alive() { # NAME: its pid, if it is still that process
  local pid; pid="$(cat "$data/$1.pid" 2>/dev/null)" && [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$data" && echo "$pid"
}
spawn() { # NAME COMMAND...
  local name="$1"; shift
  setsid "$@" >"$data/$name.log" 2>&1 </dev/null & echo $! >"$data/$name.pid"
}
wait_for() { # NAME SECONDS TEST...: until the test holds; who has ended is not waited for
  local name="$1" end=$((SECONDS + $2)); shift 2
  until "$@" >/dev/null 2>&1; do
    # A process that is just becoming its program has no command line for a moment.
    alive "$name" >/dev/null || { sleep 0.2; alive "$name" >/dev/null; } || { tail -15 "$data/$name.log" >&2; die "$name ended while starting"; }
    [ "$SECONDS" -lt "$end" ] || { tail -15 "$data/$name.log" >&2; die "$name was not ready in time"; }
    sleep 0.1
  done
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
kube() { PATH="$PATH:$home/bin" kubectl --kubeconfig "$data/kubeconfig" "$@"; }
ready() { [ "$(kube get --raw /readyz)" = ok ]; }

start() {
  install
  local port clients peers manager token
  mkdir -p "$data"; chmod 700 "$data"
  { read -r port; read -r clients; read -r peers; read -r manager; } < <("$here/ports.sh" 4)
  token="$(head -c 24 /dev/urandom | base64 | tr -d '+/=')"
  openssl genrsa -out "$data/sa.key" 2048 2>/dev/null
  echo "$token,admin,admin,system:masters" >"$data/tokens.csv"
  cat >"$data/kubeconfig" <<CONF
apiVersion: v1
kind: Config
clusters: [{ name: local, cluster: { server: "https://127.0.0.1:$port", insecure-skip-tls-verify: true } }]
users: [{ name: admin, user: { token: $token } }]
contexts: [{ name: local, context: { cluster: local, user: admin } }]
current-context: local
CONF
  chmod 600 "$data/kubeconfig" "$data/tokens.csv"
  spawn etcd etcd --name local --data-dir "$data/etcd" --unsafe-no-fsync --log-outputs stderr --logger zap --log-level warn \
    --listen-client-urls "http://127.0.0.1:$clients" --advertise-client-urls "http://127.0.0.1:$clients" \
    --listen-peer-urls "http://127.0.0.1:$peers" --initial-advertise-peer-urls "http://127.0.0.1:$peers" \
    --initial-cluster "local=http://127.0.0.1:$peers"
  wait_for etcd 30 listens "$clients"
  local arguments=(--etcd-servers="http://127.0.0.1:$clients" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$port"
    --cert-dir="$data/certificates" --token-auth-file="$data/tokens.csv" --authorization-mode=AlwaysAllow
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$data/sa.key"
    --service-account-signing-key-file="$data/sa.key" --service-cluster-ip-range=10.96.0.0/16 --endpoint-reconciler-type=none --profiling=false
    --kubelet-preferred-address-types=InternalIP) # a node's name is in no DNS
  # Without controllers nobody makes a namespace's default account, which this plugin would wait for.
  [ -n "$controllers" ] || arguments+=(--disable-admission-plugins=ServiceAccount)
  spawn apiserver "$home/bin/kube-apiserver" "${arguments[@]}"
  wait_for apiserver 90 ready
  [ -n "$controllers" ] || return 0
  spawn controllers "$home/bin/kube-controller-manager" --kubeconfig="$data/kubeconfig" --leader-elect=false --bind-address=127.0.0.1 \
    --secure-port="$manager" --cert-dir="$data/certificates" --service-account-private-key-file="$data/sa.key" \
    --use-service-account-credentials=false --profiling=false
  wait_for controllers 60 kube -n default get serviceaccount default
}

stop() {
  local name pid n
  for name in controllers apiserver etcd; do
    if pid="$(alive "$name")"; then
      kill "$pid"; n=0
      while kill -0 "$pid" 2>/dev/null; do n=$((n + 1)); [ "$n" -le 100 ] || { kill -9 "$pid" 2>/dev/null || true; break; }; sleep 0.1; done
    fi
    rm -f "$data/$name.pid"
  done
}

command="${1:-}"; [ $# -eq 0 ] || shift
if [ "$command" = build ]; then build_alone "$@"; echo "$home/bin"; exit; fi
while [ $# -gt 0 ]; do
  case "$1" in
    --data) data="$(realpath -m "${2:?}")"; shift 2 ;;
    --with-controllers) controllers=yes; shift ;;
    *) die "unknown argument $1" ;;
  esac
done
case "$command" in
  install) install; "$home/bin/kube-apiserver" --version ;;
  start) : "${data:?--data}"; start ;;
  stop) : "${data:?--data}"; stop ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
