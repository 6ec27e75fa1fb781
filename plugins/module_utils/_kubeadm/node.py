# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubeadm modules share: running kubeadm under a lock, and reading the state of a node."""

from __future__ import annotations

import base64
import fcntl
import http.client
import json
import mmap
import os
import re
import ssl
import time
from glob import glob
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._base.token import MARK

# The version of kubeadm's own documents that all releases which this collection installs accept.
# https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/
API_VERSION = "kubeadm.k8s.io/v1beta4"
KUBERNETES = "/etc/kubernetes"
ADMIN_CONF = f"{KUBERNETES}/admin.conf"
KUBELET_CONF = f"{KUBERNETES}/kubelet.conf"
BOOTSTRAP_CONF = f"{KUBERNETES}/bootstrap-kubelet.conf"
CA = f"{KUBERNETES}/pki/ca.crt"
API_SERVER_MANIFEST = f"{KUBERNETES}/manifests/kube-apiserver.yaml"
KUBELET_CERTIFICATE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
# It exists while kubeadm init or join runs, so a run that is killed leaves it behind.
UNFINISHED = f"{KUBERNETES}/.bare-mesh-unfinished"
LOCK = "/run/bare-mesh-kubeadm.lock"
# kubeadm's own record of the cluster. Once etcd holds it, the cluster has been up.
SIGN_OF_LIFE = b"/registry/configmaps/kube-system/kubeadm-config"


def secret_file(text: str) -> int:
    """An open file that exists only in memory, for what must never be on disk or on a command line."""
    descriptor = os.memfd_create("bare-mesh")
    os.write(descriptor, text.encode())
    return descriptor


class Kubeadm:
    """kubeadm on this node.

    Commands that change it run under a lock, which kubeadm keeps even if its module is killed.
    """

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.program = module.get_bin_path("kubeadm")
        self.lock: int | None = None

    def acquire(self, timeout: float = 600) -> None:
        self.lock = os.open(LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failure(
                        f"another kubeadm has been at work on this node for {timeout} seconds; wait for it or stop it,"
                        " see: ps -C kubeadm"
                    ) from None
                time.sleep(1)

    def run(self, *arguments: str, config: list[dict[str, Any]] | None = None) -> str:
        """kubeadm's output. config is a list of documents; it may hold secrets, since no file of it is made."""
        if not self.program:
            raise Failure("kubeadm is not installed on this node; run the kubeadm role's entry point install first")
        descriptors = [] if self.lock is None else [self.lock]
        words = [self.program, *arguments]
        if config is not None:
            # Each JSON document is a YAML document, too.
            descriptors.append(secret_file("\n---\n".join(json.dumps(document) for document in config)))
            words += ["--config", f"/proc/self/fd/{descriptors[-1]}"]
        code, out, err = self.module.run_command(words, pass_fds=descriptors, environ_update={"LC_ALL": "C"})
        if config is not None:
            os.close(descriptors[-1])
        if code:
            tail = "\n".join((out + err).strip().splitlines()[-25:])
            raise Failure(f"kubeadm {' '.join(arguments[:2])} failed with code {code}:\n{tail}")
        return out


TOKENS = "/api/v1/namespaces/kube-system/secrets"


def left_tokens(server: ApiServer) -> list[str]:
    """Names of the Secrets of bootstrap tokens that interrupted runs of this collection have left."""
    status, body = server.request(f"{TOKENS}?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken")
    secrets = json.loads(body)["items"] if status == 200 else []
    described = {secret["metadata"]["name"]: (secret.get("data") or {}).get("description", "") for secret in secrets}
    return [name for name, text in described.items() if base64.b64decode(text).startswith(MARK.encode())]


class ApiServer:
    """The API server at a URL."""

    def __init__(self, url: str, authority: str) -> None:
        self.url = url
        self.context = ssl.create_default_context(cadata=authority)

    @classmethod
    def of(cls, kubeconfig: str, certificate: str | None = None) -> ApiServer:
        """The one that a kubeconfig of this node names, with this client certificate or else the kubeconfig's."""
        with open(kubeconfig, encoding="utf-8") as file:
            text = file.read()
        server = cls(field(text, "server"), decoded(text, "certificate-authority-data"))
        if certificate:
            server.context.load_cert_chain(certificate)
        else:
            both = decoded(text, "client-certificate-data") + "\n" + decoded(text, "client-key-data")
            descriptor = secret_file(both)
            server.context.load_cert_chain(f"/proc/self/fd/{descriptor}")
            os.close(descriptor)
        return server

    def request(self, path: str, method: str = "GET", timeout: float = 5) -> tuple[int, str]:
        """The status and body of an answer; raises OSError where there is none."""
        connection = http.client.HTTPSConnection(urlsplit(self.url).netloc, timeout=timeout, context=self.context)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.url} does not answer in HTTP: {error}") from error
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.request("/readyz")[0] == 200
        except OSError:
            return False


def field(kubeconfig: str, name: str) -> str:
    """A value of a kubeconfig that kubeadm wrote; hosts need no YAML library for that."""
    found = re.search(rf"^\s+{name}: (\S+)$", kubeconfig, re.MULTILINE)
    if not found:
        raise ValueError(f"the kubeconfig has no {name}")
    return found.group(1)


def decoded(kubeconfig: str, name: str) -> str:
    return base64.b64decode(field(kubeconfig, name)).decode()


def api_ready(kubeconfig: str = ADMIN_CONF, certificate: str | None = None) -> bool:
    """Whether the API server answers; an unreadable kubeconfig or certificate, cut short by a kill, counts as no."""
    try:
        return ApiServer.of(kubeconfig, certificate).ready()
    except (OSError, ValueError):
        return False


def wait_ready(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not api_ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def has_lived(data_directory: str) -> bool:
    """Whether the etcd data holds a cluster that has been up. The files tell it, since etcd may be down."""
    member = os.path.join(data_directory, "member")
    for path in glob(f"{member}/snap/db") + glob(f"{member}/wal/*.wal"):
        if os.path.getsize(path):
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(SIGN_OF_LIFE) >= 0:
                    return True
    return False


class Kubelet:
    """The kubelet's unit."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.systemctl = module.get_bin_path("systemctl", required=True)

    def idle(self) -> bool:
        """Whether the unit is not enabled or not running. A node that is to run pods needs both."""
        command = [self.systemctl, "show", "kubelet", "-p", "ActiveState,UnitFileState"]
        out = self.module.run_command(command, check_rc=True)[1]
        return "UnitFileState=enabled" not in out or "ActiveState=inactive" in out or "ActiveState=failed" in out

    def do(self, *arguments: str) -> None:
        self.module.run_command([self.systemctl, *arguments, "kubelet"], check_rc=True)


def begin() -> None:
    os.makedirs(KUBERNETES, exist_ok=True)
    with open(UNFINISHED, "w", encoding="utf-8") as file:
        file.write("kubeadm was started on this node and has not finished.\n")


def finish() -> None:
    if os.path.exists(UNFINISHED):
        os.remove(UNFINISHED)
