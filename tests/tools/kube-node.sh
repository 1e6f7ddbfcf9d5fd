#!/usr/bin/env bash
# kube-node.sh: a real Kubernetes of one node with a pod network, Services and DNS, in a network of its own beside the machine's. Needs Debian and root.
# Usage: kube-node.sh install | start | stop          start prints nothing but what is wrong; stop leaves nothing
#        kube-node.sh load FILE...                    images, as `docker save` has them: there is no registry
#        kube-node.sh exec COMMAND...                 in the cluster's network, with KUBECONFIG; Services and pods answer there
# It is kube-api.sh's API server with its controllers, the scheduler, kubelet and kube-proxy of the same release, containerd and runc,
# CNI's bridge, and CoreDNS. Env: CINEMA_TOOLS (default ~/.cache/cinemaabyss-tools); NODE_DATA, the folder of a run (default CINEMA_TOOLS/node).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
data="${NODE_DATA:-$tools/node}"
network="cinemaabyss-$(printf %s "$data" | cksum | cut -d' ' -f1)"
socket="$data/containerd.sock"
api="$data/api"
node_address=10.10.0.1 pods=10.244.0 dns=10.96.0.10

die() { echo "kube-node.sh: $*" >&2; exit 1; }
# Not `ip netns exec`, which hides the cgroups.
inside() { nsenter --net="/run/netns/$network" "$@"; }
kube() { inside kubectl --kubeconfig "$api/kubeconfig" "$@"; }

install() {
  "$here/need.sh" containerd=containerd runc=runc catatonit=catatonit buildah=buildah ip=iproute2 iptables=iptables conntrack=conntrack \
    /usr/lib/cni/bridge=containernetworking-plugins >&2
  "$here/kube-api.sh" install --with-controllers >&2
  bin="$("$here/kube-api.sh" build kubelet kube-scheduler kube-proxy)"
  "$here/go-tools.sh" install coredns >&2
  go_bin="$("$here/go-tools.sh" path)"
}

alive() { # NAME: its pid
  local pid; pid="$(cat "$data/$1.pid" 2>/dev/null)" && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && echo "$pid"
}
spawn() { # NAME COMMAND...
  local name="$1"; shift
  setsid nsenter --net="/run/netns/$network" "$@" >"$data/$name.log" 2>&1 </dev/null & echo $! >"$data/$name.pid"
}
until_true() { # NAME SECONDS COMMAND...
  local name="$1" end=$((SECONDS + $2)); shift 2
  until "$@" >/dev/null 2>&1; do
    alive "$name" >/dev/null || { tail -15 "$data/$name.log" >&2; die "$name ended while starting"; }
    [ "$SECONDS" -lt "$end" ] || { tail -15 "$data/$name.log" >&2; die "$name was not ready in time"; }
    sleep 0.2
  done
}

make_network() {
  ip netns add "$network"
  inside ip link set lo up
  # The node's own address. By the default route, which leads nowhere, programs on the node get to the addresses of Services.
  inside ip link add node0 type veth peer name nowhere
  inside ip addr add "$node_address/24" dev node0
  inside ip link set node0 up
  inside ip link set nowhere up
  inside ip route add default dev node0
}

containerd_settings() {
  mkdir -p "$data/cni" "$data/pause"
  cat >"$data/containerd.toml" <<CONF
version = 2
root = "$data/containerd"
state = "$data/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$data/cni"
CONF
  cat >"$data/cni/10-bridge.conflist" <<CONF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$data/addresses", "ranges": [[{"subnet": "$pods.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
CONF
}

kubelet_settings() {
  cat >"$data/kubelet.yaml" <<CONF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
healthzPort: 0
containerRuntimeEndpoint: unix://$socket
clusterDNS: [$dns]
clusterDomain: cluster.local
resolvConf: /dev/null
# A machine that is a container itself may have no right to more than this.
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
cgroupsPerQOS: false
enforceNodeAllocatable: []
evictionHard: {}
oomScoreAdj: 0
localStorageCapacityIsolation: false
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
podLogsDir: $data/logs
CONF
}

# What cluster add-ons do elsewhere: names of Services, by CoreDNS on the node itself.
dns_settings() {
  cat >"$data/Corefile" <<CONF
cluster.local:53 in-addr.arpa:53 {
  bind $node_address
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $api/kubeconfig
    ttl 5
  }
}
.:53 {
  bind $node_address
  template ANY ANY {
    rcode NXDOMAIN
  }
}
CONF
  kube apply --server-side -f - >/dev/null <<CONF
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
 "spec": {"clusterIP": "$dns", "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}}
{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"kubernetes.io/service-name": "kube-dns"}},
 "addressType": "IPv4", "endpoints": [{"addresses": ["$node_address"]}], "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}
CONF
}

load() { ctr -a "$socket" -n k8s.io images import "$1" >/dev/null; }
pause() { # the first process of every pod
  cp "$(command -v catatonit)" "$data/pause/pause"
  printf 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause", "-P"]\n' >"$data/pause/Dockerfile"
  "$here/image.sh" make localhost/pause:1 "$data/pause"
  "$here/image.sh" tar localhost/pause:1 "$data/pause.tar"
  load "$data/pause.tar"
}
node_ready() { [ "$(kube get node node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]; }

start() {
  mkdir -p "$data"
  ip netns list | grep -qw "^$network" || make_network
  inside "$here/kube-api.sh" start --data "$api" --with-controllers
  containerd_settings
  spawn containerd containerd -c "$data/containerd.toml"
  until_true containerd 30 ctr -a "$socket" version
  pause
  spawn scheduler "$bin/kube-scheduler" --kubeconfig="$api/kubeconfig" --leader-elect=false --bind-address=127.0.0.1 --cert-dir="$data/scheduler-certs"
  # Limits of the whole machine are not a cluster's to change that is a guest on it.
  spawn proxy "$bin/kube-proxy" --kubeconfig="$api/kubeconfig" --hostname-override=node --proxy-mode=iptables --cluster-cidr="$pods.0/24" \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  dns_settings
  spawn dns "$go_bin/coredns" -conf "$data/Corefile"
  kubelet_settings
  spawn kubelet "$bin/kubelet" --config="$data/kubelet.yaml" --kubeconfig="$api/kubeconfig" --root-dir="$data/kubelet" \
    --hostname-override=node --node-ip="$node_address" --cert-dir="$data/kubelet-certs"
  until_true kubelet 90 node_ready
}

end() { # NAME
  local pid n=0
  if pid="$(alive "$1")"; then
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do
      n=$((n + 1)); [ "$n" -le 100 ] || { kill -9 "$pid" 2>/dev/null || true; break; }
      sleep 0.1
    done
  fi
  rm -f "$data/$1.pid"
}

stop() {
  local id
  ip netns list | grep -qw "^$network" || return 0
  # Kubelet first, so that it starts nothing again of what is ended next.
  for id in kubelet scheduler proxy dns; do end "$id"; done
  if alive containerd >/dev/null; then
    for id in $(ctr -a "$socket" -n k8s.io tasks ls -q 2>/dev/null); do ctr -a "$socket" -n k8s.io tasks rm -f "$id" >/dev/null 2>&1 || true; done
    for id in $(ctr -a "$socket" -n k8s.io containers ls -q 2>/dev/null); do ctr -a "$socket" -n k8s.io containers rm "$id" >/dev/null 2>&1 || true; done
  fi
  end containerd
  "$here/kube-api.sh" stop --data "$api" || true
  # What is mounted below the folder, the deepest first, and the networks of the pods.
  awk -v folder="$data/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r | while read -r id; do umount "$id" 2>/dev/null || umount -l "$id" || true; done
  ip netns pids "$network" | xargs -r kill -9 2>/dev/null || true
  ip netns del "$network"
  rm -rf "$data"
}

[ $# -ge 1 ] || { sed -n '3,5p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || die "a node runs as root"
command="$1"; shift
case "$command" in
  install) install; "$bin/kubelet" --version ;;
  start) install; start ;;
  stop) stop ;;
  load) for file in "$@"; do load "$file"; done ;;
  exec) KUBECONFIG="$api/kubeconfig" inside "$@" ;;
  *) sed -n '3,5p' "$0" >&2; exit 2 ;;
esac
