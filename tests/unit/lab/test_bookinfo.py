# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-ins for Bookinfo's images, run as local processes."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lab.images.bookinfo.images import FILES, IMAGES, SOURCE

ROOT = Path(__file__).resolve().parents[3]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shop():
    ports = {name: free_port() for name in ("productpage", "details", "ratings", "v1", "v2", "v3")}
    started = []

    def start(service, port, version="v1", reviews="v1"):
        where = {f"{name.upper()}_SERVICE_PORT": ports[name] for name in ("details", "ratings")}
        names = {f"{name.upper()}_HOSTNAME": "127.0.0.1" for name in ("details", "ratings", "reviews")}
        own = {
            "SERVICE": service,
            "VERSION": version,
            "PORT": ports[port],
            "LISTEN": "127.0.0.1",
            "REVIEWS_SERVICE_PORT": ports[reviews],
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.images.bookinfo"], cwd=ROOT, env={**os.environ, **where, **names, **own},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)

    start("details", "details")
    start("ratings", "ratings")
    for version in ("v1", "v2", "v3"):
        start("reviews", version, version)
    start("productpage", "productpage", reviews="v3")
    for port in ports.values():
        for _attempt in range(100):
            if get(port, "/health")[0] == 200:
                break
            time.sleep(0.05)
    yield ports
    for process in started:
        process.terminate()
    assert [process.wait(5) for process in started] == [0] * len(started)


def get(port, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_page(shop):
    status, page = get(shop["productpage"], "/productpage")
    assert status == 200
    texts = ("The Comedy of Errors", "PublisherA", "Reviewer1", "Reviewer2", "★★★★☆")
    for part in ("<title>Simple Bookstore App</title>", *texts):
        assert part in page
    assert re.search(rf"Reviews served by: <u>{re.escape(socket.gethostname())}</u>", page)


@pytest.mark.parametrize(("version", "colour"), [("v1", None), ("v2", "black"), ("v3", "red")])
def test_versions_of_reviews_differ_by_their_stars(shop, version, colour):
    found = json.loads(get(shop[version], "/reviews/0")[1])
    assert [review.get("rating", {}).get("color") for review in found["reviews"]] == [colour, colour]
    assert found["podname"] == socket.gethostname()


def test_signing_in_and_out(shop):
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    base = f"http://127.0.0.1:{shop['productpage']}"
    assert 'id="user">jason' in browser.open(f"{base}/login", b"username=jason&passwd=", timeout=5).read().decode()
    assert 'id="user">jason' in browser.open(f"{base}/productpage", timeout=5).read().decode()
    assert 'id="user"' not in browser.open(f"{base}/logout", timeout=5).read().decode()


def test_a_name_is_no_markup_and_no_header(shop):
    status, page = get(shop["productpage"], "/productpage", Cookie="user=%3Cb%3E%0D%0AX-Evil%3A%201")
    assert status == 200
    assert "<b>" not in page
    assert "&lt;b&gt;X-Evil: 1" in page


def test_api(shop):
    port = shop["productpage"]
    assert json.loads(get(port, "/api/v1/products")[1])[0]["title"] == "The Comedy of Errors"
    for kind in ("", "/reviews", "/ratings"):
        assert get(port, f"/api/v1/products/0{kind}")[0] == 200
    assert get(port, "/api/v1/products/0/other")[0] == 404
    assert get(shop["ratings"], "/ratings/zero")[0] == 404
    assert json.loads(get(shop["ratings"], "/ratings/0")[1])["ratings"] == {"Reviewer1": 5, "Reviewer2": 4}


def test_every_image_has_its_service_and_files():
    assert all((SOURCE / name).is_file() for name in FILES)
    for image, environment in IMAGES.items():
        assert image == f"examples-bookinfo-{environment['SERVICE']}-{environment['VERSION']}"
