# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address and the credentials of an API server, from a module's options and its kubeconfig."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable, library


def kubeconfig_path(params: dict[str, Any]) -> str:
    """Path of the kubeconfig; empty if none is used (api_host is given, or the module runs in a pod)."""
    if params.get("kubeconfig"):
        return os.path.expanduser(params["kubeconfig"])
    if params.get("api_host"):
        return ""
    path = os.path.expanduser(os.environ.get("KUBECONFIG") or "~/.kube/config")
    return "" if "KUBERNETES_SERVICE_HOST" in os.environ and not os.path.exists(path) else path


def configuration(params: dict[str, Any]) -> Any:
    client = library("kubernetes.client", "kubernetes")
    config = library("kubernetes.config", "kubernetes")
    settings = client.Configuration()
    path = kubeconfig_path(params)
    if path:
        # KUBECONFIG may list several files.
        if not any(os.path.exists(part) for part in path.split(os.pathsep)):
            raise Unreachable(
                f"the kubeconfig {path} does not exist: set the option kubeconfig (or K8S_AUTH_KUBECONFIG) to the file"
                " of a running cluster (the roles of this collection write ~/.kube/bare_mesh.kubeconfig), or create the"
                " cluster first"
            )
        try:
            config.load_kube_config(
                config_file=path, context=params.get("context"), client_configuration=settings, persist_config=False
            )
        except OSError as error:
            raise Failure(
                f"the kubeconfig {path} cannot be read: {error.strerror}; check its owner and mode"
            ) from error
        except Exception as error:  # the loader passes on all errors of YAML, base64 and exec plugins
            raise Failure(_unusable(path, error)) from error
    elif not params.get("api_host"):
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException as error:
            fix = "set the option kubeconfig, or api_host and api_key"
            raise Failure(f"this pod has no usable service account ({error}): {fix}") from error
    _override(settings, params)
    if params.get("api_key"):
        settings.api_key = {"authorization": f"Bearer {params['api_key']}"}
        settings.refresh_api_key_hook = None
    refresh = settings.refresh_api_key_hook
    if refresh:

        def refresh_and_override(configuration: Any) -> None:
            # A refresh of the token also sets the other values of the kubeconfig again.
            refresh(configuration)
            _override(configuration, params)
            configuration.refresh_api_key_hook = refresh_and_override

        settings.refresh_api_key_hook = refresh_and_override
    return settings


def _unusable(path: str, error: Exception) -> str:
    """Why the files of a kubeconfig cannot be used. The loader's own words do not name these common causes."""
    for part in filter(os.path.exists, path.split(os.pathsep)):
        with open(part, encoding="utf-8", errors="replace") as file:
            text = file.read()
        if text.startswith("$ANSIBLE_VAULT"):
            fix = "decrypt it to a file that only you can read, and set the option kubeconfig to that file"
            return f"the kubeconfig {part} is encrypted by ansible-vault: {fix}"
        yaml = library("yaml", "PyYAML")
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as wrong:
            # Its text can quote a line, with a key in it.
            mark = getattr(wrong, "problem_mark", None)
            return f"the kubeconfig {part} is not YAML" + (f": see line {mark.line + 1}" if mark else "")
        # The loader itself says that a file is empty.
        if content and (not isinstance(content, dict) or content.get("kind", "Config") != "Config"):
            fix = "set the option kubeconfig to a file such as /etc/kubernetes/admin.conf of a control plane"
            return f"the file {part} is not a kubeconfig: {fix}"
    return f"the kubeconfig {path} is not usable: {error}"


def _override(settings: Any, params: dict[str, Any]) -> None:
    """Set the values of the module's options, which override the kubeconfig.

    Raises Failure for a file that does not exist.
    """
    if params.get("api_host"):
        settings.host = params["api_host"].rstrip("/")
    for option, attribute in (("ca_cert", "ssl_ca_cert"), ("client_cert", "cert_file"), ("client_key", "key_file")):
        if params.get(option):
            if not os.path.isfile(params[option]):
                raise Failure(f"{option}: the file {params[option]} does not exist")
            setattr(settings, attribute, params[option])
    if params.get("proxy"):
        proxy = urlsplit(params["proxy"])
        settings.proxy = params["proxy"]
        # NO_PROXY only applies to proxies of the environment.
        settings.no_proxy = None
        if proxy.username is not None:
            login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            settings.proxy_headers = library("urllib3", "urllib3").make_headers(proxy_basic_auth=login)
    if params.get("validate_certs") is not None:
        settings.verify_ssl = params["validate_certs"]
