# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of the connection to the API server (module_utils/_k8s/argspec.py: CONNECTION)."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file. By default C($KUBECONFIG), then C(~/.kube/config), and inside a pod its service
        account.
      - The environment variable E(K8S_AUTH_KUBECONFIG) also sets it.
    type: path
  context:
    description:
      - Context of the kubeconfig. By default its current context.
      - The environment variable E(K8S_AUTH_CONTEXT) also sets it.
    type: str
  api_key:
    description:
      - Bearer token.
      - The environment variable E(K8S_AUTH_API_KEY) also sets it.
    type: str
  validate_certs:
    description:
      - Whether to verify the certificate of the API server. By default true, or the setting of the kubeconfig.
      - The environment variable E(K8S_AUTH_VERIFY_SSL) also sets it.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - File with the certificate of the CA that signed the certificate of the API server.
      - The environment variable E(K8S_AUTH_SSL_CA_CERT) also sets it.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Client certificate file.
      - The environment variable E(K8S_AUTH_CERT_FILE) also sets it.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Client key file.
      - The environment variable E(K8S_AUTH_KEY_FILE) also sets it.
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of an HTTP proxy for requests to the API server.
      - The environment variable E(K8S_AUTH_PROXY) also sets it.
    type: str
requirements:
  - kubernetes >= 31
  - PyYAML >= 6.0
"""

    # The modules of Istio's kinds have it without the alias (istio_kind.py), because host is a field of some kinds.
    API_HOST = r"""
options:
  api_host:
    description:
      - URL of the API server, instead of the URL in the kubeconfig.
      - The environment variable E(K8S_AUTH_HOST) also sets it.
    type: str
    aliases: [host]
"""
