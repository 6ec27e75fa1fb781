# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arguments that several modules share. Each dict has a documentation fragment of the same name."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback


def _env(name: str) -> tuple[Any, list[str]]:
    return env_fallback, [f"K8S_AUTH_{name}"]


# doc_fragments/connection.py; the names and environment variables are those of kubernetes.core
CONNECTION: dict[str, Any] = {
    "kubeconfig": {"type": "path", "fallback": _env("KUBECONFIG")},
    "context": {"type": "str", "fallback": _env("CONTEXT")},
    "api_host": {"type": "str", "aliases": ["host"], "fallback": _env("HOST")},
    "api_key": {"type": "str", "no_log": True, "fallback": _env("API_KEY")},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"], "fallback": _env("VERIFY_SSL")},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"], "fallback": _env("SSL_CA_CERT")},
    "client_cert": {"type": "path", "aliases": ["cert_file"], "fallback": _env("CERT_FILE")},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False, "fallback": _env("KEY_FILE")},
    "proxy": {"type": "str", "fallback": _env("PROXY")},
}

# Without the alias host, for the modules of Istio's kinds: a DestinationRule has a field host.
API_HOST: dict[str, Any] = {"type": "str", "fallback": _env("HOST")}

# doc_fragments/waiting.py
WAITING: dict[str, Any] = {
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 120},
}
