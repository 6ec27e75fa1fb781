# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Routing scenarios, measured at the gateway. Each scenario is one run of one playbook."""

from __future__ import annotations

import re
import time
import urllib.parse
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar

import pytest

NO_REVIEWS = "product reviews are currently unavailable"


def opener(url, user=None):
    """A new HTTP client with its own cookies, signed in if a user is given."""
    made = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    if user:
        form = urllib.parse.urlencode({"username": user, "passwd": ""}).encode()
        made.open(urllib.parse.urljoin(url, "login"), form, timeout=30).close()
    return made


def pages(url, times, user=None):
    """The texts of pages that are requested at the same time, and the seconds that each took."""
    browser = opener(url, user)

    def timed(_number):
        started = time.monotonic()
        with browser.open(url, timeout=30) as answer:
            text = answer.read().decode()
        return text, time.monotonic() - started

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(timed, range(times)))


def versions(url, times, user=None):
    """The number of pages per version of reviews."""
    found = [re.search(r"reviews-(v\d)-[0-9a-f]+-\w+", text) for text, _seconds in pages(url, times, user)]
    assert all(found), "a page does not contain a pod name"
    return Counter(one[1] for one in found)


@pytest.fixture
def route(play):
    def switch(scenario):
        """Run the playbook once. Returns the changed tasks."""
        run = play("playbooks/deploy_bookinfo.yml", "-e", f"bookinfo_routing={scenario}")
        assert run["code"] == 0, run["errors"]
        return run["changed"]

    return switch


def test_half_and_half(route, page_url):
    changed = route("reviews-50-50")
    assert list(changed) == ["localhost"]
    assert len(changed["localhost"]) == 1, changed
    assert route("reviews-50-50") == {}
    served = versions(page_url, 200)
    assert set(served) == {"v1", "v3"}
    assert 70 <= served["v1"] <= 130, served


def test_jason_alone_gets_v2(route, page_url):
    changed = route("jason-v2")
    assert len(changed["localhost"]) == 1, changed
    assert versions(page_url, 20, "jason") == {"v2": 20}
    assert versions(page_url, 20, "mary") == {"v1": 20}
    assert versions(page_url, 20) == {"v1": 20}


@pytest.mark.parametrize(
    ("scenario", "expected"), [("all-v1", {"v1"}), ("reviews-v3", {"v3"}), ("default", {"v1", "v2", "v3"})]
)
def test_other_scenarios(route, page_url, scenario, expected):
    assert len(route(scenario)["localhost"]) == 1
    assert set(versions(page_url, 30)) == expected


def test_late_ratings_for_jason(route, page_url):
    assert len(route("ratings-delay-jason")["localhost"]) == 1
    for text, seconds in pages(page_url, 4, "jason"):
        assert NO_REVIEWS in text
        # Two attempts of three seconds, of the seven that the ratings take.
        assert 6 <= seconds < 7
    assert versions(page_url, 20, "mary") == {"v1": 20}
    assert max(seconds for _text, seconds in pages(page_url, 20)) < 3


def test_no_ratings_for_jason(route, page_url):
    assert len(route("ratings-abort-jason")["localhost"]) == 1
    for text, seconds in pages(page_url, 20, "jason"):
        assert text.count("Ratings service is currently unavailable") == 2
        assert re.search("reviews-v2-", text)
        assert seconds < 3
    assert versions(page_url, 20, "mary") == {"v1": 20}


def test_timeout_of_reviews(route, page_url):
    assert len(route("reviews-timeout")["localhost"]) == 1
    assert route("reviews-timeout") == {}
    for text, seconds in pages(page_url, 8):
        assert NO_REVIEWS in text
        # Two attempts of half a second, of the two seconds that the ratings take.
        assert 1 <= seconds < 2
    # The delay and the timeout are gone with the scenario.
    assert len(route("default")["localhost"]) == 1
    assert all("reviews-v" in text and seconds < 2 for text, seconds in pages(page_url, 20))
