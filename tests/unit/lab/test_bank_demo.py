# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services of the bank demo, run as local processes."""

from __future__ import annotations

import http.cookiejar
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lab.images.bank_demo.images import FILES, SOURCE

ROOT = Path(__file__).resolve().parents[3]
# Port name -> service, version, and the version of addedvalues that it asks.
PROCESSES = {
    "details": ("details", "v1", "v1"),
    "styletransfer": ("styletransfer", "v1", "v1"),
    "v1": ("addedvalues", "v1", "v1"),
    "v2": ("addedvalues", "v2", "v2"),
    "v3": ("addedvalues", "v3", "v3"),
    "cut off": ("addedvalues", "v3", "v3"),
    "page": ("productpage", "v1", "v3"),
    "page cut off": ("productpage", "v1", "cut off"),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def get(port, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.fixture(scope="module")
def bank():
    ports = {name: free_port() for name in PROCESSES}
    started = []
    for name, (service, version, added) in PROCESSES.items():
        # The details service stands for the host outside of the mesh. It has no /none.
        path = "/none" if name == "cut off" else "/health"
        own = {
            "SERVICE": service,
            "VERSION": version,
            "PORT": ports[name],
            "LISTEN": "127.0.0.1",
            "EXTERNAL_URL": f"http://127.0.0.1:{ports['details']}{path}",
            "ADDEDVALUES_PORT_NUMBER": ports[added],
        }
        for other in ("details", "styletransfer"):
            own[f"{other.upper()}_PORT_NUMBER"] = ports[other]
        for other in ("details", "styletransfer", "addedvalues"):
            own[f"{other.upper()}_HOSTNAME"] = "127.0.0.1"
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.images.bank_demo"], cwd=ROOT, env={**os.environ, **own},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
    for port in ports.values():
        for _attempt in range(100):
            if get(port, "/health")[0] == 200:
                break
            time.sleep(0.05)
    yield ports
    for process in started:
        process.terminate()
    assert [process.wait(5) for process in started] == [0] * len(started)


@pytest.mark.parametrize(
    ("version", "parts"),
    [("v1", set()), ("v2", {"analysis"}), ("v3", {"analysis", "styletransfer"})],
)
def test_each_version_of_addedvalues_has_more(bank, version, parts):
    found = json.loads(get(bank[version], "/addedvalues")[1])
    assert found["version"] == version
    assert set(found) == {"version", "podname", "offers", *parts}


def test_the_button_is_enabled_while_the_call_out_works(bank):
    status, page = get(bank["page"], "/productpage?style=ink")
    assert status == 200
    for part in ("<title>Bank Demo</title>", "The Example Bank", '<button id="transfer">', 'fill="#111827"'):
        assert part in page
    assert f"served by: <u>{socket.gethostname()}</u>" in page


def test_the_button_is_disabled_when_the_call_out_fails(bank):
    page = get(bank["page cut off"], "/productpage")[1]
    assert '<button id="transfer" disabled>' in page
    assert "The call to 127.0.0.1 outside of the mesh was answered with 404." in page


def test_signing_in_and_out(bank):
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    base = f"http://127.0.0.1:{bank['page']}"
    signed_in = browser.open(f"{base}/login", b"username=yunqi-test&passwd=", timeout=5).read().decode()
    assert 'id="user">yunqi-test' in signed_in
    assert 'id="user"' not in browser.open(f"{base}/logout", timeout=5).read().decode()


def test_only_the_cookie_says_who_is_signed_in_and_a_name_is_no_markup(bank):
    assert "mary" not in get(bank["page"], "/productpage", **{"end-user": "mary"})[1]
    page = get(bank["page"], "/productpage", Cookie="user=%3Cb%3E%0D%0AX-Evil%3A%201")[1]
    assert "<b>" not in page
    assert "&lt;b&gt;X-Evil: 1" in page


def test_unknown_paths(bank):
    assert get(bank["details"], "/none")[0] == get(bank["page"], "/none")[0] == 404


def test_the_image_has_all_files():
    assert set(FILES) == {path.name for path in SOURCE.glob("*.py")} - {"images.py"}
