# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small downloads over HTTPS, which can trust a CA besides the system's."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure


class FetchError(Failure):
    """The address did not answer; the message names it and the reason."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """A redirect to another server, such as a store of blobs, or out of TLS, must not be sent the token."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if following and (new.netloc != old.netloc or (old.scheme, new.scheme) == ("https", "http")):
            following.remove_header("Authorization")
        return following


class Fetcher:
    """Fetches small files. ca is PEM text, proxy a URL; without a proxy, the environment's proxy variables apply."""

    def __init__(self, ca: str = "", proxy: str = "", timeout: float = 15) -> None:
        context = ssl.create_default_context()
        if ca:
            context.load_verify_locations(cadata=ca)
        proxies = urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None)
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), proxies, Redirects())
        self.timeout = timeout

    def get(self, url: str, method: str = "GET") -> bytes:
        """The body of the answer."""
        try:
            with self.opener.open(urllib.request.Request(url, method=method), timeout=self.timeout) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise FetchError(f"{url} answers {error.code} {error.reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise FetchError(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from error
