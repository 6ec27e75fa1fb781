# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One of Bookinfo's services on port 9080. The environment variables SERVICE and VERSION select it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from .page import PRODUCT, document, product_page

Json = dict[str, Any]

# A service forwards these headers, so that tracing connects the requests and routes can match the user.
FORWARDED = (
    "x-request-id", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
    "x-ot-span-context", "traceparent", "tracestate", "b3", "user-agent", "authorization", "end-user",
)  # fmt: skip
REVIEWS = (
    ("Reviewer1", "I laughed from the first mistaken identity to the last. As light as Shakespeare gets."),
    ("Reviewer2", "Great fun on the stage, though the plot is thinner than that of his later comedies."),
)
STARS = {"Reviewer1": 5, "Reviewer2": 4}
COLOURS = {"v2": "black", "v3": "red"}


def call(service: str, path: str, headers: dict[str, str], timeout: float) -> Json:
    """The JSON answer of another service, or {"error": ..., "status": ...}."""
    host = os.environ.get(f"{service.upper()}_HOSTNAME", service)
    port = os.environ.get(f"{service.upper()}_SERVICE_PORT", "9080")
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as fault:
        return {"error": f"Sorry, product {service} are currently unavailable for this book.", "status": fault.code}
    except (OSError, ValueError):
        return {"error": f"Sorry, product {service} are currently unavailable for this book.", "status": 500}


def details(product: int) -> Json:
    """The answer of the details service."""
    return {
        "id": product,
        "author": "William Shakespeare",
        "year": 1595,
        "type": "paperback",
        "pages": 200,
        "publisher": "PublisherA",
        "language": "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
    }


def reviews(product: int, version: str, headers: dict[str, str]) -> Json:
    """The answer of the reviews service. Version v1 has no ratings."""
    found: list[Json] = [{"reviewer": name, "text": text} for name, text in REVIEWS]
    if version in COLOURS:
        answer = call("ratings", f"/ratings/{product}", headers, 10)
        for review in found:
            stars = answer.get("ratings", {}).get(review["reviewer"])
            shown = {"stars": stars, "color": COLOURS[version]}
            review["rating"] = shown if stars else {"error": "Ratings service is currently unavailable"}
    return {"id": str(product), "podname": socket.gethostname(), "clustername": "null", "reviews": found}


class Handler(BaseHTTPRequestHandler):
    """Handles the paths of all services. SERVICE selects those that this process answers."""

    protocol_version = "HTTP/1.1"
    service = os.environ.get("SERVICE", "productpage")
    version = os.environ.get("VERSION", "v1")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.rstrip("/") or "/"
        if path == "/health":
            self.json({"status": f"{self.service} is healthy"})
        elif self.service == "productpage":
            self.productpage(path)
        elif path.startswith(f"/{self.service}/") and path.rsplit("/", 1)[1].isdigit():
            self.json(self.answer(int(path.rsplit("/", 1)[1])))
        else:
            self.json({"error": f"the {self.service} service has no {path}"}, 404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace"))
        if self.service != "productpage" or urlsplit(self.path).path != "/login":
            self.json({"error": f"the {self.service} service takes no POST at {self.path}"}, 404)
            return
        self.redirect(f"user={quote(form.get('username', [''])[0])}; Path=/; HttpOnly; SameSite=Lax")

    def answer(self, product: int) -> Json:
        if self.service == "details":
            return details(product)
        if self.service == "ratings":
            return {"id": product, "ratings": STARS}
        return reviews(product, self.version, self.forwarded())

    def productpage(self, path: str) -> None:
        headers = self.forwarded()
        parts = path.strip("/").split("/")
        if path in ("/", "/index.html"):
            self.html(document("", '<h1>Bookinfo</h1><p><a href="productpage">Normal user</a></p>'))
        elif path == "/productpage":
            book = call("details", "/details/0", headers, 3)
            opinions = call("reviews", "/reviews/0", headers, 3)
            if "error" in opinions:  # two attempts, like the original: Istio's fault injection example needs it
                opinions = call("reviews", "/reviews/0", headers, 3)
            self.html(product_page(book, opinions, headers.get("end-user")))
        elif path == "/logout":
            self.redirect("user=; Path=/; Max-Age=0")
        elif path == "/api/v1/products":
            self.json([PRODUCT])
        elif parts[:3] == ["api", "v1", "products"] and parts[3:4] == ["0"] and len(parts) <= 5:
            kind = parts[4] if len(parts) == 5 else "details"
            if kind not in ("details", "reviews", "ratings"):
                self.json({"error": f"no {kind}"}, 404)
                return
            found = call(kind, f"/{kind}/0", headers, 3)
            self.json(found, found.get("status", 200))
        else:
            self.html(document("", "<h1>Not Found</h1>"), 404)

    def forwarded(self) -> dict[str, str]:
        """The headers for the next service, with the signed-in user as end-user."""
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get("user")
        except CookieError:
            cookie = None
        if self.service == "productpage" and cookie and cookie.value:
            # A header must not contain line breaks or characters outside of Latin-1.
            headers["end-user"] = "".join(c for c in unquote(cookie.value) if c.isprintable() and ord(c) < 256)
        return headers

    def json(self, value: Any, status: int = 200) -> None:
        self.send(status, "application/json", json.dumps(value))

    def html(self, text: str, status: int = 200) -> None:
        self.send(status, "text/html; charset=utf-8", text)

    def redirect(self, cookie: str) -> None:
        self.send(302, "text/plain", "", {"Location": "productpage", "Set-Cookie": cookie})

    def send(self, status: int, kind: str, text: str, more: dict[str, str] | None = None) -> None:
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
