#!/bin/bash
# Runs on a node: all steps before `kubeadm init` or `kubeadm join`.
# Arguments: its name, then NAME=ADDRESS of every node.
set -eu -o pipefail
name=$1
shift
mirror=https://10.87.0.10
registry=https://10.87.0.10:5000/v2

hostnamectl set-hostname "$name"
for pair in "$@"; do echo "${pair#*=} ${pair%%=*}"; done >>/etc/hosts

# modules and sysctls (not vm.*, kernel.* and fs.*, which the lab's nodes share with the computer)
printf '%s\n' br_netfilter nf_conntrack overlay vxlan >/etc/modules-load.d/kubernetes.conf
modprobe -aq br_netfilter nf_conntrack overlay vxlan || : # built into the lab's kernel
cat >/etc/sysctl.d/99-kubernetes.conf <<'CONF'
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
net.ipv4.ip_forward = 1
CONF
sysctl -q -p /etc/sysctl.d/99-kubernetes.conf

if command -v dnf >/dev/null; then
  cp /root/ca.crt /etc/pki/ca-trust/source/anchors/mirror.crt 2>/dev/null && update-ca-trust 2>/dev/null ||
    { cp /root/ca.crt /usr/local/share/ca-certificates/mirror.crt && update-ca-certificates >/dev/null; }
  cat >/etc/yum.repos.d/kubernetes.repo <<CONF
[kubernetes]
name=kubernetes
baseurl=$mirror/pkgs.k8s.io/core:/stable:/v1.36/rpm/
gpgcheck=1
repo_gpgcheck=1
gpgkey=$mirror/pkgs.k8s.io/core:/stable:/v1.36/rpm/repodata/repomd.xml.key
[docker-ce-stable]
name=docker-ce-stable
baseurl=$mirror/download.docker.com/linux/centos/9/x86_64/stable
gpgcheck=1
gpgkey=$mirror/download.docker.com/linux/centos/gpg
CONF
  dnf install -q -y chrony conntrack-tools ethtool iproute-tc socat \
    containerd.io-2.4.2 kubelet-1.36.5 kubeadm-1.36.5 kubectl-1.36.5 >/dev/null
  systemctl enable -q --now chronyd
else
  cp /root/ca.crt /usr/local/share/ca-certificates/mirror.crt
  update-ca-certificates >/dev/null
  mkdir -p /etc/apt/keyrings
  python3 - "$mirror/pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key" /etc/apt/keyrings/kubernetes.asc \
    "$mirror/download.docker.com/linux/debian/gpg" /etc/apt/keyrings/docker.asc <<'FETCH'
import sys, urllib.request
for url, path in zip(sys.argv[1::2], sys.argv[2::2]):
    with urllib.request.urlopen(url) as answer, open(path, "wb") as key:
        key.write(answer.read())
FETCH
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.asc] $mirror/pkgs.k8s.io/core:/stable:/v1.36/deb/ /" >/etc/apt/sources.list.d/kubernetes.list
  echo "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] $mirror/download.docker.com/linux/debian bookworm stable" >/etc/apt/sources.list.d/docker.list
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chrony conntrack ethtool iptables socat \
    containerd.io=2.4.2-1~debian.12~bookworm kubelet=1.36.5-1.1 kubeadm=1.36.5-1.1 kubectl=1.36.5-1.1 >/dev/null
  apt-mark -qq hold containerd.io kubelet kubeadm kubectl
  systemctl enable -q --now chrony
fi

if systemctl is-active -q firewalld; then
  ports="--add-port=10250/tcp --add-port=10256/tcp --add-port=8472/udp --add-port=30000-32767/tcp"
  [ "$name" = node1 ] && ports+=" --add-port=6443/tcp --add-port=2379-2380/tcp"
  firewall-cmd -q --permanent $ports
  firewall-cmd -q --permanent --zone=trusted --add-source=10.244.0.0/16 --add-source=10.96.0.0/12
  firewall-cmd -q --reload
fi

mkdir -p /etc/containerd
cat >/etc/containerd/config.toml <<'CONF'
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "registry.k8s.io/pause:3.10.2"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
CONF
for host in docker.io registry.k8s.io ghcr.io; do
  mkdir -p "/etc/containerd/certs.d/$host"
  printf 'server = "%s/%s"\ncapabilities = ["pull", "resolve"]\noverride_path = true\nca = "/root/ca.crt"\n' \
    "$registry" "$host" >"/etc/containerd/certs.d/$host/hosts.toml"
done
systemctl enable -q containerd kubelet
systemctl restart containerd

images="registry.k8s.io/kube-proxy:v1.36.5 registry.k8s.io/pause:3.10.2"
images+=" ghcr.io/flannel-io/flannel:v0.28.10 ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel3"
if [ "$name" = node1 ]; then
  for program in apiserver controller-manager scheduler; do images+=" registry.k8s.io/kube-$program:v1.36.5"; done
  images+=" registry.k8s.io/etcd:3.6.8-0 registry.k8s.io/coredns/coredns:v1.14.2"
fi
echo "$images" | tr ' ' '\n' | xargs -P 3 -n 1 ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d >/dev/null
