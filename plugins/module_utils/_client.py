# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections to the API server.

The kubernetes client reads the kubeconfig and provides credentials and the connection pool. Requests go
straight over that pool: plain dicts in and out, which is what makes large batches quick.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from ansible_collections.bare.mesh.plugins.module_utils._failure import Failure, Unreachable, library

PARALLEL = 16
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 60
# How long a request is repeated while the API server is away or busy: a restart of it takes about 20 s.
PATIENCE = 60


class ApiError(Failure):
    """The API server's refusal."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


def kubeconfig_path(params: dict[str, Any]) -> str:
    """The file that is read; empty where there is none by choice (host given, or inside a pod)."""
    if params.get("kubeconfig"):
        return os.path.expanduser(params["kubeconfig"])
    if params.get("host"):
        return ""
    path = os.path.expanduser(os.environ.get("KUBECONFIG") or "~/.kube/config")
    return "" if "KUBERNETES_SERVICE_HOST" in os.environ and not os.path.exists(path) else path


def _configuration(params: dict[str, Any]) -> Any:
    client = library("kubernetes.client", "kubernetes")
    config = library("kubernetes.config", "kubernetes")
    settings = client.Configuration()
    path = kubeconfig_path(params)
    if path:
        # KUBECONFIG may list several files
        if not any(os.path.exists(part) for part in path.split(os.pathsep)):
            raise Unreachable(
                f"the kubeconfig {path} does not exist: set the option kubeconfig (or K8S_AUTH_KUBECONFIG) to the file"
                " of a running cluster, or create the cluster first"
            )
        try:
            config.load_kube_config(
                config_file=path, context=params.get("context"), client_configuration=settings, persist_config=False
            )
        except OSError as error:
            raise Failure(f"the kubeconfig {path} cannot be read: {error.strerror}; check its owner and mode") from error
        except Exception as error:  # the loader raises whatever its YAML, base64 and exec plugins raise
            raise Failure(f"the kubeconfig {path} is not usable: {error}") from error
    elif not params.get("host"):
        config.load_incluster_config(client_configuration=settings)
    if params.get("host"):
        settings.host = params["host"].rstrip("/")
    if params.get("api_key"):
        settings.api_key = {"authorization": f"Bearer {params['api_key']}"}
        settings.refresh_api_key_hook = None
    for option, attribute in (("ca_cert", "ssl_ca_cert"), ("client_cert", "cert_file"), ("client_key", "key_file"), ("proxy", "proxy")):
        if params.get(option):
            setattr(settings, attribute, params[option])
    if params.get("validate_certs") is not None:
        settings.verify_ssl = params["validate_certs"]
    settings.connection_pool_maxsize = PARALLEL
    return settings


class Client:
    """One API server: HTTP verbs on paths, repeated while it is away for a moment."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.settings = _configuration(params)
        self.source = kubeconfig_path(params) or self.settings.host
        self.api_client = library("kubernetes.client", "kubernetes").ApiClient(configuration=self.settings)
        self.urllib3 = library("urllib3", "urllib3")
        self.pool = self.api_client.rest_client.pool_manager
        if not self.settings.verify_ssl:
            self.urllib3.disable_warnings()
        self.patience: float = 0
        self.version: dict[str, Any] = {}

    def reach(self) -> None:
        """First contact: say at once when nobody is there. Later absences are waited out."""
        self.version = self.request("GET", "/version")
        self.patience = PATIENCE

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "bare.mesh"}
        if content_type:
            headers["Content-Type"] = content_type
        for auth in self.settings.auth_settings().values():
            if auth.get("value"):
                headers[auth["key"]] = auth["value"]
        return headers

    def request(self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None, content_type: str = "") -> Any:
        url = self.settings.host + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers(content_type or ("application/json" if data else ""))
        timeout = self.urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        deadline = time.monotonic() + self.patience
        pause = 0.2
        while True:
            try:
                answer = self.pool.request(method, url, body=data, headers=headers, timeout=timeout, retries=False)
            except self.urllib3.exceptions.SSLError as error:
                raise Failure(self._tls_message(error)) from error
            except self.urllib3.exceptions.HTTPError as error:
                if time.monotonic() + pause > deadline:
                    raise Unreachable(
                        f"the API server {self.settings.host} (from {self.source}) does not answer: {_plain(error)};"
                        " check that the cluster is up and that this kubeconfig is the right one"
                    ) from error
            else:
                if answer.status < 400:
                    return json.loads(answer.data)
                failure = _api_error(answer.status, answer.data, self.source)
                if not _passing(failure) or time.monotonic() + pause > deadline:
                    raise failure
                pause = max(pause, min(float(answer.headers.get("Retry-After") or 0), 10))
            time.sleep(pause)
            pause = min(pause * 2, 5)

    def _tls_message(self, error: Exception) -> str:
        return (
            f"the certificate of {self.settings.host} is not trusted by {self.source}: {_plain(error)};"
            " the file may belong to an earlier cluster, or ca_cert names the wrong CA"
        )

    def get(self, path: str) -> dict[str, Any] | None:
        """An object, or None where it or its kind does not exist."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def pages(self, path: str, query: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The objects of a collection, page by page: a large one never is in memory as a whole."""
        query = {**(query or {}), "limit": 500}
        while True:
            try:
                page = self.request("GET", path, query)
            except ApiError as error:
                if error.status == 404:
                    return
                raise
            api_version, kind = page.get("apiVersion", ""), page.get("kind", "").removesuffix("List")
            for item in page.get("items") or []:
                # Items of a list carry neither of the two.
                yield {"apiVersion": api_version, "kind": kind, **item}
            query["continue"] = page.get("metadata", {}).get("continue")
            if not query["continue"]:
                return

    def apply(self, path: str, body: dict[str, Any], manager: str, dry_run: bool = False, validation: str = "Strict") -> dict[str, Any]:
        """Server-side apply; a field that another manager set differently becomes ours, as with istioctl."""
        query = {"fieldManager": manager, "force": "true", "fieldValidation": validation}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", path, query, body, "application/apply-patch+yaml")

    def delete(self, path: str, dry_run: bool = False, propagation: str = "Background") -> bool:
        """Whether there was something to delete."""
        options: dict[str, Any] = {"propagationPolicy": propagation}
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            self.request("DELETE", path, body=options)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


def _plain(error: Exception) -> str:
    """The innermost reason, without the names of urllib3's objects."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, Exception):
        return _plain(reason)
    return str(error.args[-1] if error.args else error).rpartition("): ")[2].rpartition(">: ")[2]


def _api_error(status: int, data: bytes, source: str) -> ApiError:
    try:
        content = json.loads(data)
        message, reason = content.get("message") or "", content.get("reason") or ""
    except (ValueError, AttributeError):
        message, reason = data[:300].decode(errors="replace").strip(), ""
    if status == 401:
        message = f"the credentials of {source} are refused or have expired: renew them (kubeadm: kubeadm certs renew admin.conf)"
    return ApiError(status, message or f"HTTP status {status}", reason)


def _passing(error: ApiError) -> bool:
    """Whether trying again can help: overload, a write conflict, a webhook whose server is just starting."""
    if error.status in (429, 502, 503, 504) or (error.status == 409 and error.reason == "Conflict"):
        return True
    return error.status == 500 and any(
        sign in str(error) for sign in ("connection refused", "no endpoints available", "etcdserver: ", "context deadline exceeded")
    )
