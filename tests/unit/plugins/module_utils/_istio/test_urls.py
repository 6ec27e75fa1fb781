# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""URLs, as Go's net/url reads them. The expectations are what Go 1.26 says."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.urls import scheme_of


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("oci://a/b", "oci"),
        ("FILE:///a", "file"),
        ("a:b", "a"),
        ("a+b-c.1:d", "a+b-c.1"),
        ("/a", ""),
        ("///a:b", ""),
        ("//a:b:1/c", ""),
        ("*", ""),
        ("", "http"),
        ("a", "http"),
        ("@a@", "http"),
        ("a:b:1/%", "a"),
        ("1:80/a", "http"),
        ("?", "http"),
        ("http://a:/b", "http"),
        ("http://a:b@c:80", "http"),
        ("http://[fe80::1%25eth0]:80/", "http"),
        ("oci://a%25b%e9", "oci"),
        ("oci://a b", "http"),
        ("ftp://[::1", "http"),
        ("a/é b", "http"),
        ("/a?%", ""),
        ("/a#b%20", ""),
        ("[::1]", "http"),
    ],
)
def test_scheme(text, scheme):
    assert scheme_of(text) == scheme


@pytest.mark.parametrize(
    "text",
    [
        ":a", "a\tb", "/a\x7f", "/a%", "/a%2", "/a%zz", "/a#%", "//a:b/c", "a b", "1:80:80/a", "a%41", "a<^",
        "u%zz@a", "[::1", "a[::1]", "[1.2.3.4]", "[::1]:a", "[::g]", "[fe80::1%25]", "ä@a",
    ],
)  # fmt: skip
def test_not_a_url(text):
    assert scheme_of(text) is None
