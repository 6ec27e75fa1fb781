# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """How a module reaches the API server (module_utils/_k8s/argspec.py: CONNECTION)."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file. Without it C($KUBECONFIG), then C(~/.kube/config), and inside a pod its service account.
      - The environment variable E(K8S_AUTH_KUBECONFIG) sets it, too.
    type: path
  context:
    description:
      - Context of the kubeconfig; its current one by default.
      - The environment variable E(K8S_AUTH_CONTEXT) sets it, too.
    type: str
  api_key:
    description:
      - Bearer token.
      - The environment variable E(K8S_AUTH_API_KEY) sets it, too.
    type: str
  validate_certs:
    description:
      - Whether the API server's certificate must be valid; true unless the kubeconfig says otherwise.
      - The environment variable E(K8S_AUTH_VERIFY_SSL) sets it, too.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File of the CA that signed the API server's certificate.
      - The environment variable E(K8S_AUTH_SSL_CA_CERT) sets it, too.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Client certificate file.
      - The environment variable E(K8S_AUTH_CERT_FILE) sets it, too.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Client key file.
      - The environment variable E(K8S_AUTH_KEY_FILE) sets it, too.
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of an HTTP proxy through which the API server is reached.
      - The environment variable E(K8S_AUTH_PROXY) sets it, too.
    type: str
requirements:
  - kubernetes >= 31
  - PyYAML >= 6.0
"""

    # The kinds' modules have it without the alias (istio_kind.py), for there host can be a field.
    API_HOST = r"""
options:
  api_host:
    description:
      - URL of the API server, instead of a kubeconfig's.
      - The environment variable E(K8S_AUTH_HOST) sets it, too.
    type: str
    aliases: [host]
"""
