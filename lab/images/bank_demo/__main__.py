# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One of the bank demo's services on port 9080. The environment variables SERVICE and VERSION select it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from .page import document, product_page

Json = dict[str, Any]
Headers = dict[str, str]

# A service forwards these headers, so that tracing connects the requests and routes can match the user.
FORWARDED = (
    "x-request-id", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
    "traceparent", "tracestate", "b3", "end-user",
)  # fmt: skip
DETAILS = {"issuer": "The Example Bank", "term": "12 months", "rate": "3.2 %", "minimum": "1000"}
OFFERS = ["No fee in the first year.", "A personal adviser answers within one day."]
ANALYSIS = {"Risk": "low, one of five", "Investment": "two thirds bonds, one third shares"}
# Style -> colours of the sky, the hill and the sun.
STYLES = {
    "photo": ["#93c5fd", "#15803d", "#facc15"],
    "ink": ["#f3f4f6", "#111827", "#6b7280"],
    "sunset": ["#fb923c", "#7c2d12", "#fee2e2"],
}
# Seconds. The page waits longer for addedvalues than addedvalues waits for its two calls.
CALL_SECONDS = 3.0
PAGE_SECONDS = 8.0


def call(service: str, path: str, headers: Headers, timeout: float = CALL_SECONDS) -> Json:
    """The JSON answer of another service, or {"error": ...}."""
    host = os.environ.get(f"{service.upper()}_HOSTNAME", service)
    port = os.environ.get(f"{service.upper()}_PORT_NUMBER", "9080")
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            found: Json = json.load(answer)
            return found
    except (OSError, ValueError):
        return {"error": f"The service {service} does not answer."}


def outside(url: str) -> str:
    """Call the host outside of the mesh. Returns why it fails, or nothing. The user's headers stay inside."""
    try:
        with urllib.request.urlopen(url, timeout=CALL_SECONDS):
            return ""
    except urllib.error.HTTPError as fault:
        return f"The call to {urlsplit(url).hostname} outside of the mesh was answered with {fault.code}."
    except (OSError, ValueError):
        return f"The call to {urlsplit(url).hostname} outside of the mesh failed."


def details(_query: str, _version: str, _headers: Headers) -> Json:
    """The answer of the details service."""
    return dict(DETAILS)


def styletransfer(query: str, _version: str, _headers: Headers) -> Json:
    """The answer of the styletransfer service: the styles, and the colours of the one that is asked for."""
    asked = parse_qs(query).get("style", ["photo"])[0]
    return {"styles": list(STYLES), "palette": STYLES.get(asked, STYLES["photo"])}


def addedvalues(query: str, version: str, headers: Headers) -> Json:
    """The answer of the addedvalues service. Each version adds to that of the one before it."""
    found: Json = {"version": version, "podname": socket.gethostname(), "offers": OFFERS}
    if version in ("v2", "v3"):
        found["analysis"] = ANALYSIS
    if version == "v3":
        transfer = call("styletransfer", f"/styletransfer?{query}", headers)
        reason = transfer.get("error") or outside(os.environ.get("EXTERNAL_URL", ""))
        found["styletransfer"] = {"styles": [], "palette": [], **transfer, "enabled": not reason, "reason": reason}
    return found


ANSWERS: dict[str, Callable[[str, str, Headers], Json]] = {
    "details": details,
    "styletransfer": styletransfer,
    "addedvalues": addedvalues,
}


class Handler(BaseHTTPRequestHandler):
    """Handles the paths of all services. SERVICE selects those that this process answers."""

    protocol_version = "HTTP/1.1"
    service = os.environ.get("SERVICE", "productpage")
    version = os.environ.get("VERSION", "v1")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/health":
            self.json({"status": f"{self.service} is healthy"})
        elif self.service == "productpage":
            self.productpage(url.path, url.query)
        elif url.path == f"/{self.service}":
            self.json(ANSWERS[self.service](url.query, self.version, self.forwarded()))
        else:
            self.json({"error": f"the {self.service} service has no {url.path}"}, 404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace"))
        if self.service != "productpage" or urlsplit(self.path).path != "/login":
            self.json({"error": f"the {self.service} service takes no POST at {self.path}"}, 404)
            return
        self.redirect(f"user={quote(form.get('username', [''])[0])}; Path=/; HttpOnly; SameSite=Lax")

    def productpage(self, path: str, query: str) -> None:
        headers = self.forwarded()
        if path == "/productpage":
            facts = call("details", "/details", headers)
            added = call("addedvalues", f"/addedvalues?{query}", headers, PAGE_SECONDS)
            self.html(product_page(facts, added, headers.get("end-user", "")))
        elif path == "/logout":
            self.redirect("user=; Path=/; Max-Age=0")
        else:
            self.html(document("", "<h1>Not Found</h1>"), 404)

    def forwarded(self) -> Headers:
        """The headers for the next service, with the signed-in user as end-user."""
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        if self.service == "productpage":
            # Only the cookie says who is signed in.
            headers.pop("end-user", None)
            user = self.user()
            if user:
                headers["end-user"] = user
        return headers

    def user(self) -> str:
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get("user")
        except CookieError:
            return ""
        # A header must not contain line breaks or characters outside of Latin-1.
        return "".join(c for c in unquote(cookie.value) if c.isprintable() and ord(c) < 256) if cookie else ""

    def json(self, value: Json, status: int = 200) -> None:
        self.send(status, "application/json", json.dumps(value))

    def html(self, text: str, status: int = 200) -> None:
        self.send(status, "text/html; charset=utf-8", text)

    def redirect(self, cookie: str) -> None:
        self.send(302, "text/plain", "", {"Location": "productpage", "Set-Cookie": cookie})

    def send(self, status: int, kind: str, text: str, more: Headers | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A server with a larger backlog, for many requests at once."""

    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    # As process 1 of a container, Python ignores SIGTERM by default.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = (os.environ.get("LISTEN", "0.0.0.0"), int(os.environ.get("PORT", "9080")))
    Server(address, Handler).serve_forever()


main()
