# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images of a Kubernetes release: those that its kubeadm lists."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

# With etcd, the images that only a control plane runs. CoreDNS can start on any node.
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
REGISTRY = "registry.k8s.io"


def list_images(module: AnsibleModule, version: str, control_plane: bool) -> list[str]:
    """The images that a node of this release needs.

    In check mode kubeadm may not be installed yet. Then the list has only the images whose tag is the release.
    """
    kubeadm = module.get_bin_path("kubeadm")
    if not kubeadm and not module.check_mode:
        raise Failure("kubeadm is not installed on this host; install it first")
    if kubeadm:
        command = [kubeadm, "config", "images", "list", "--kubernetes-version", f"v{version}"]
        code, out, err = module.run_command(command)
        if code:
            raise Failure(f"kubeadm does not list the images of Kubernetes {version}: {err.strip()}")
        images = out.split()
    else:
        images = [f"{REGISTRY}/{name}:v{version}" for name in (*CONTROL_PLANE, "kube-proxy")]
    if control_plane:
        return images
    return [image for image in images if image.rsplit("/", 1)[1].split(":")[0] not in (*CONTROL_PLANE, "etcd")]
