# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether images can be pulled, by the requests that a pull makes, except for the layers.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md, and for the login
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import Fetcher

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# docker.io is a name, not a server.
SERVERS = {"docker.io": "registry-1.docker.io"}


def split(image: str) -> tuple[str, str, str]:
    """(registry, repository, tag) of an image such as registry.k8s.io/pause:3.10.2."""
    registry, _slash, rest = image.partition("/")
    repository, _colon, tag = rest.rpartition(":")
    return registry, repository, tag


def base_url(registry: str, endpoints: dict[str, str]) -> str:
    """The address below which a registry's repositories are, as hosts.toml of the container runtime says it."""
    endpoint = endpoints.get(registry, f"https://{SERVERS.get(registry, registry)}").rstrip("/")
    return endpoint if urlsplit(endpoint).path else f"{endpoint}/v2"


class Refused(Exception):
    """The registry, or the server of its tokens, does not take the name and the password."""


class Registry:
    """A repository of a registry, with the token that it asks for.

    login is what Basic authentication sends, as the container runtimes do: to the registry and to the server of its
    tokens.
    """

    def __init__(self, fetcher: Fetcher, url: str, login: str = "") -> None:
        self.fetcher, self.url = fetcher, url
        self.basic = {"Authorization": f"Basic {login}"} if login else {}
        self.token = ""

    def request(self, path: str) -> urllib.request.Request:
        headers = {"Accept": ", ".join(MANIFESTS), **self.basic}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return urllib.request.Request(f"{self.url}/{path}", headers=headers)

    def open(self, path: str) -> bytes:
        with self.fetcher.opener.open(self.request(path), timeout=self.fetcher.timeout) as answer:
            return answer.read()

    def get(self, path: str) -> bytes:
        """A manifest or blob, with a token if the registry wants one."""
        try:
            return self.open(path)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code == 401 and self.basic and not challenge.startswith("Bearer "):
                raise Refused from error
            if error.code != 401 or self.token or not challenge.startswith("Bearer "):
                raise
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = urlencode({name: asked[name] for name in ("service", "scope") if name in asked})
        self.token = self.login(f"{asked.get('realm', '')}?{query}")
        try:
            return self.open(path)
        except urllib.error.HTTPError as error:
            if error.code == 401 and self.basic:
                raise Refused from error
            raise

    def login(self, url: str) -> str:
        """The token that a server of tokens gives."""
        try:
            request = urllib.request.Request(url, headers=self.basic)
            with self.fetcher.opener.open(request, timeout=self.fetcher.timeout) as answer:
                found = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code in (401, 403) and self.basic:
                raise Refused from error
            raise
        except ValueError:
            found = {}
        # Without a token, the registry says what it thinks of that.
        return (found.get("token") or found.get("access_token") or "") if isinstance(found, dict) else ""


def refusal(image: str, endpoints: dict[str, str], fetcher: Fetcher, logins: dict[str, str]) -> str:
    """Why an image cannot be pulled; empty if it can. Only its smallest blob is fetched."""
    registry, repository, tag = split(image)
    url = f"{base_url(registry, endpoints)}/{repository}"
    name = urlsplit(url).netloc
    server = Registry(fetcher, url, logins.get(name, ""))
    try:
        manifest: dict[str, Any] = json.loads(server.get(f"manifests/{tag}"))
        if "manifests" in manifest:
            manifest = json.loads(server.get(f"manifests/{manifest['manifests'][0]['digest']}"))
        server.get(f"blobs/{manifest['config']['digest']}")
    except Refused:
        return f"the registry {name} refuses the name or password"
    except urllib.error.HTTPError as error:
        return f"{error.url} answers {error.code} {error.reason}"
    except (OSError, http.client.HTTPException) as error:
        return f"{url} cannot be reached: {getattr(error, 'reason', error)}"
    except (ValueError, LookupError, TypeError):
        return f"{url}/manifests/{tag} is not an image's manifest"
    return ""


def refusals(
    images: list[str], endpoints: dict[str, str], ca: str, proxy: str, logins: dict[str, str]
) -> dict[str, str]:
    """Image to the reason why it cannot be pulled, for those that cannot. logins: server to name:password in base64."""
    with ThreadPoolExecutor(max(len(images), 1)) as pool:
        reasons = pool.map(lambda image: refusal(image, endpoints, Fetcher(ca, proxy, timeout=10), logins), images)
        return {image: reason for image, reason in zip(images, reasons) if reason}
