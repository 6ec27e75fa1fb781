#!/bin/bash
# The comparison for `site.yml`: the same steps on the same bare lab nodes, written by an expert as a script with ssh,
# kubeadm, kubectl and istioctl. It runs in parallel what is possible, and checks nothing twice.
set -eu -o pipefail
cd "$(dirname "$0")/.."
lab=$PWD/.lab here=$PWD/benchmarks/by_hand
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || :; wait; rm -rf "$work"' EXIT
declare -A address=([node1]=10.87.0.11 [node2]=10.87.0.12 [node3]=10.87.0.13)
nodes=(node1 node2 node3)
export KUBECONFIG=$work/kubeconfig

command -v curl >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y curl >/dev/null

began=${EPOCHREALTIME/./}
step() {
  local tenths=$(((${EPOCHREALTIME/./} - began) / 100000))
  printf '%4d.%d s  %s\n' $((tenths / 10)) $((tenths % 10)) "$1"
}
on() { # NODE COMMAND...
  local node=$1
  shift
  ssh -q -i "$lab/ssh/id_ed25519" -o UserKnownHostsFile="$lab/ssh/known_hosts" -o StrictHostKeyChecking=yes \
    -o ControlMaster=auto -o ControlPath="$work/%h" -o ControlPersist=60 "root@${address[$node]}" "$@"
}
kubectl() { on node1 "kubectl --kubeconfig /etc/kubernetes/admin.conf $(printf '%q ' "$@")"; }

# Download the Istio release while the nodes become ready.
(
  url=https://10.87.0.10/github.com/istio/istio/releases/download/1.31.0/istio-1.31.0-linux-amd64.tar.gz
  cd "$work"
  curl -sSf --cacert "$lab/ca/ca.crt" -O "$url" -O "$url.sha256"
  echo "$(awk '{print $1}' istio-1.31.0-linux-amd64.tar.gz.sha256)  istio-1.31.0-linux-amd64.tar.gz" | sha256sum -c --quiet
  tar xzf istio-1.31.0-linux-amd64.tar.gz
) & istio=$!

pairs=$(for node in "${nodes[@]}"; do printf '%s=%s ' "$node" "${address[$node]}"; done)
declare -A ready
for node in "${nodes[@]}"; do
  (
    on "$node" 'cat >/root/ca.crt' <"$lab/ca/ca.crt"
    on "$node" bash -s "$node" $pairs <"$here/prepare.sh"
  ) & ready[$node]=$!
done
wait "${ready[node1]}"
step "node1 is prepared"

on node1 'cat >/root/kubeadm.yaml' <"$here/kubeadm.yaml"
on node1 kubeadm init --config /root/kubeadm.yaml >"$work/init.log" || { cat "$work/init.log"; exit 1; }
on node1 'mkdir -p /root/.kube; cp /etc/kubernetes/admin.conf /root/.kube/config'
on node1 cat /etc/kubernetes/admin.conf >"$KUBECONFIG"
chmod 600 "$KUBECONFIG"
step "the control plane is up"

kubectl apply -f - <"$here/flannel.yaml" >/dev/null
join=$(on node1 kubeadm token create --ttl 15m --print-join-command)
joins=()
for node in node2 node3; do
  (
    wait_for=${ready[$node]}
    while kill -0 "$wait_for" 2>/dev/null; do sleep 0.2; done
    on "$node" $join --node-name "$node" --ignore-preflight-errors Swap,SystemVerification >/dev/null
  ) & joins+=($!)
done
wait "${ready[node2]}" "${ready[node3]}" "${joins[@]}"
kubectl wait --for=condition=Ready nodes --all --timeout=300s >/dev/null
step "every node is ready"

wait "$istio"
"$work/istio-1.31.0/bin/istioctl" install -y -f "$here/istio.yaml" >/dev/null 2>&1
step "the mesh is installed"

kubectl apply -f - <"$here/bookinfo.yaml" >/dev/null
kubectl -n bookinfo rollout status deployment --timeout=300s >/dev/null
port=$(kubectl -n istio-system get service istio-ingressgateway -o 'jsonpath={.spec.ports[?(@.name=="http2")].nodePort}')
until curl -sf "http://${address[node1]}:$port/productpage" | grep -q '<title>Simple Bookstore App</title>'; do sleep 0.5; done
step "the page answers: http://${address[node1]}:$port/productpage"
