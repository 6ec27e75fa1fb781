# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections to the API server.

The kubernetes client reads the kubeconfig and provides credentials and the connection pool. Requests use that pool
directly, with plain dicts as bodies and answers, which is much faster for many objects.
"""

from __future__ import annotations

import email.utils
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._k8s.configuration import configuration, kubeconfig_path
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, Unreachable, library

PARALLEL = 16
# Seconds
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 60
# How long a request is repeated while the API server does not answer or is busy. A restart of it takes about 20 s.
PATIENCE = 60
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
Object = dict[str, Any]


class ApiError(Failure):
    """An error answer of the API server. repeated: an earlier attempt may have succeeded, but its answer was lost."""

    def __init__(self, status: int, message: str, reason: str = "", causes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes
        self.repeated = False


class Client:
    """A connection to one API server.

    Requests are repeated while it does not answer or is busy, for PATIENCE seconds.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        url = params.get("api_host")
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise Failure(f"api_host is {url!r}: set the URL of the API server, such as https://10.0.0.1:6443")
        self.settings = configuration(params)
        self.settings.connection_pool_maxsize = PARALLEL
        # Kept here, because the refresh of a token in one thread sets all settings again while others send requests.
        self.host = self.settings.host
        self.refreshing = threading.Lock()
        self.source = kubeconfig_path(params) or self.host
        self.urllib3 = library("urllib3", "urllib3")
        try:
            self.api_client = library("kubernetes.client", "kubernetes").ApiClient(configuration=self.settings)
        except (OSError, ValueError, self.urllib3.exceptions.HTTPError) as error:
            fix = "check ca_cert, client_cert, client_key and proxy"
            raise Failure(f"no connection can be set up from {self.source}: {error}; {fix}") from error
        self.pool = self.api_client.rest_client.pool_manager
        if not self.settings.verify_ssl:
            self.urllib3.disable_warnings()
        self.patience: float = 0
        # Path of a collection -> its objects, while the client remembers them.
        self.lists: dict[str, list[Object]] | None = None

    def reach(self) -> None:
        """Send a first request, without repeating it. Raises Unreachable if there is no answer.

        Later requests are repeated.
        """
        self.request("GET", "/version")
        self.patience = PATIENCE

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "bare.mesh"}
        if content_type:
            headers["Content-Type"] = content_type
        return headers | self.credentials()

    def credentials(self) -> dict[str, str]:
        """The headers by which the API server knows the user; none where a certificate does that."""
        with self.refreshing:
            found = self.settings.auth_settings().values()
            return {auth["key"]: auth["value"] for auth in found if auth.get("value")}

    def request(
        self, method: str, path: str, query: Object | None = None, body: Any = None, content_type: str = ""
    ) -> Object:
        """Send a request and return the answer.

        Raises ApiError for an error answer, Unreachable without an answer, and Failure for a certificate that is not
        trusted and for an answer that is not a Kubernetes object.
        """
        return self._content(self._send(method, path, query, body, content_type))

    def text(self, path: str, query: Object | None = None) -> str:
        """What is no object, such as the log of a container. Raises Failure like request."""
        return str(self._send("GET", path, query).data.decode(errors="replace"))

    def _send(
        self, method: str, path: str, query: Object | None = None, body: Any = None, content_type: str = ""
    ) -> Any:
        """Send a request, again while the server is busy, and return the answer with its status and data."""
        if method != "GET":
            self.lists = None
        url = self.host + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else _encoded(body)
        headers = self._headers(content_type or ("application/json" if data else ""))
        timeout = self.urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        deadline = time.monotonic() + self.patience
        pause = 0.2
        lost = False
        unsent = (self.urllib3.exceptions.NewConnectionError, self.urllib3.exceptions.ConnectTimeoutError)
        while True:
            try:
                answer = self.pool.request(method, url, body=data, headers=headers, timeout=timeout, retries=False)
            except self.urllib3.exceptions.SSLError as error:
                raise Failure(self._tls_message(error)) from error
            except (self.urllib3.exceptions.HTTPError, OSError) as error:
                lost = lost or not isinstance(error, unsent)
                if time.monotonic() + pause > deadline:
                    raise Unreachable(
                        f"the API server {self.host} (from {self.source}) does not answer: {_plain(error)};"
                        " check that the cluster is up and that this kubeconfig is the right one"
                    ) from error
            else:
                if answer.status < 300:
                    return answer
                failure = _api_error(answer, self.source)
                failure.repeated = lost
                if not _passing(failure):
                    raise failure
                if time.monotonic() + pause > deadline:
                    if self.patience:
                        failure.given_up = True
                    raise failure
                pause = max(pause, min(_retry_after(answer.headers.get("Retry-After")), 10))
            time.sleep(pause)
            pause = min(pause * 2, 5)

    def _content(self, answer: Any) -> Object:
        try:
            content = json.loads(answer.data)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Failure(
                f"{self.host} (from {self.source}) answers with {answer.data[:60]!r}, which is not a Kubernetes object:"
                " check that this is the API server's address"
            )
        return content

    def _tls_message(self, error: Exception) -> str:
        return (
            f"the certificate of {self.host} is not trusted by {self.source}: {_plain(error)};"
            " the file may belong to an earlier cluster, or ca_cert names the wrong CA"
        )

    def get(self, path: str) -> Object | None:
        """An object, or None if it or its kind does not exist. Raises Failure like request."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def remember(self) -> None:
        """Ask for each whole collection once from here on, until something is written."""
        self.lists = {}

    def pages(self, path: str, query: Object | None = None) -> Iterator[Object]:
        """The objects of a collection, read page by page to save memory. Empty if the kind does not exist.

        Raises Failure like request.
        """
        lists = self.lists
        if query or lists is None:
            return self._pages(path, query or {})
        if path not in lists:
            lists[path] = list(self._pages(path, {}))
        return iter(lists[path])

    def _pages(self, path: str, query: Object) -> Iterator[Object]:
        query = {**query, "limit": 500}
        given: set[str] = set()
        while True:
            try:
                page = self.request("GET", path, query)
            except ApiError as error:
                if error.status == 404:
                    return
                if error.status == 410 and query.pop("continue", None):
                    # The snapshot of the list has expired: start again, and skip objects that were already returned.
                    continue
                raise
            api_version, kind = page.get("apiVersion", ""), page.get("kind", "").removesuffix("List")
            for item in page.get("items") or []:
                name = f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
                if name not in given:
                    given.add(name)
                    # The items of a list have neither of the two.
                    yield {"apiVersion": api_version, "kind": kind, **item}
            query["continue"] = page.get("metadata", {}).get("continue")
            if not query["continue"]:
                return

    def patch(self, path: str, body: Object, manager: str, dry_run: bool = False, validation: str = "Strict") -> Object:
        """Strategic merge patch, as kubectl patch sends it.

        For custom resources a JSON merge patch, since they have no other. Raises ApiError, with status 404 where the
        object does not exist.
        https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
        """
        query = {"fieldManager": manager, "fieldValidation": validation}
        if dry_run:
            query["dryRun"] = "All"
        try:
            return self.request("PATCH", path, query, body, "application/strategic-merge-patch+json")
        except ApiError as error:
            if error.status != 415:
                raise
            return self.request("PATCH", path, query, body, "application/merge-patch+json")

    def apply(self, path: str, body: Object, manager: str, dry_run: bool = False, validation: str = "Strict") -> Object:
        """Server-side apply with force, as istioctl does: fields with other values are taken over from other managers.

        Returns the object after the change. Raises Failure like request.
        https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        query = {"fieldManager": manager, "force": "true", "fieldValidation": validation}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", path, query, body, "application/apply-patch+yaml")

    def delete(self, path: str, dry_run: bool = False, propagation: str = "Background") -> bool:
        """Delete an object. Returns whether it existed. Raises Failure like request."""
        options: dict[str, Any] = {"propagationPolicy": propagation}
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            self.request("DELETE", path, body=options)
        except ApiError as error:
            if error.status == 404:
                # Deleted by an earlier attempt whose answer was lost.
                return error.repeated
            raise
        return True


def _encoded(body: Any) -> bytes:
    """JSON that is YAML, too, because the API server reads an apply as YAML.

    YAML does not know the pairs of escapes by which JSON writes a character beyond U+FFFF, and refuses some characters
    that JSON takes as they are.
    """
    text = json.dumps(body, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text).encode()


def _plain(error: Exception) -> str:
    """The innermost reason of an error, without the names of urllib3's objects."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, Exception):
        return _plain(reason)
    return str(error.args[-1] if error.args else error).rpartition("): ")[2].rpartition(">: ")[2]


def _api_error(answer: Any, source: str) -> ApiError:
    causes: tuple[str, ...] = ()
    try:
        content = json.loads(answer.data)
        # Prometheus, behind the proxy of a Service, has its text in error.
        message, reason = content.get("message") or content.get("error") or "", content.get("reason") or ""
        causes = tuple(cause.get("reason") or "" for cause in (content.get("details") or {}).get("causes") or [])
    except (ValueError, AttributeError):
        message, reason = answer.data[:300].decode(errors="replace").strip(), ""
    if answer.status < 400:
        message = f"{source} redirects to {answer.headers.get('Location')}: set the address of the API server itself"
    if answer.status == 401:
        fix = "renew them (kubeadm: kubeadm certs renew admin.conf)"
        message = f"the credentials of {source} are refused or have expired: {fix}"
    return ApiError(answer.status, message or f"HTTP status {answer.status}", reason, causes)


def _retry_after(value: str | None) -> float:
    """Seconds to wait. The header has seconds or a date. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""
    try:
        return max(float(value or 0), 0)
    except ValueError:
        date = email.utils.parsedate_tz(value)
        return max(email.utils.mktime_tz(date) - time.time(), 0) if date else 0


def _passing(error: ApiError) -> bool:
    """Whether to try again: overload, a write conflict, or a webhook whose server cannot be reached or is starting."""
    if error.status in (429, 502, 503, 504) or (error.status == 409 and error.reason == "Conflict"):
        return True
    signs = ("failed calling webhook", "connection refused", "connection reset", "etcdserver: ", "context deadline")
    return error.status == 500 and any(sign in str(error) for sign in signs)
