# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page in a real browser: Debian's Chromium, headless."""

from __future__ import annotations

import re
import subprocess

import pytest
from conftest import LAB

CHROMIUM = [
    "chromium",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--window-size=1200,900",
]
SCREENSHOT = LAB / "bookinfo.png"


def browse(profile, *arguments):
    """What Chromium prints. Whatever its console shows, but for advice on the document, fails the test."""
    command = [*CHROMIUM, f"--user-data-dir={profile}", "--enable-logging=stderr", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    shown = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert [line for line in shown if '"[DOM]' not in line] == []
    return done.stdout


@pytest.fixture(scope="module")
def document(page_url, tmp_path_factory):
    return browse(tmp_path_factory.mktemp("profile"), "--dump-dom", page_url)


@pytest.mark.feature("page-outside")
def test_title(document):
    assert "<title>Simple Bookstore App</title>" in document
    assert "The Comedy of Errors" in document


def test_details(document):
    assert re.search(r"ISBN-10", document)
    assert re.search(r"PublisherA", document)


def test_reviews_name_the_pod_that_served_them(document):
    assert "Reviewer1" in document
    assert "Reviewer2" in document
    assert re.search(r"reviews-v[123]-[0-9a-f]+-\w+", document)


def test_screenshot(page_url, tmp_path):
    browse(tmp_path, f"--screenshot={SCREENSHOT}", page_url)
    assert SCREENSHOT.read_bytes().startswith(b"\x89PNG")
    assert SCREENSHOT.stat().st_size > 20_000, "the screenshot is almost empty"
