# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Regular expressions, as Go's regexp/syntax checks them."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.re2 import refused


@pytest.mark.parametrize(
    "text",
    [
        "(?)a", "(?i-s:a)", "(?<n>a)", "()*", "^*", "a|b", "a{,5}", "a{01}", "{", "]", "}", "a{2}?", r"a*\Q\E*",
        "a*(?i)*", "((a{500}){0}){3}",
        "(a{100}){10}", "(?:a{1000}|b){1}", r"\A\b\B\z", r"\0\12\x41\x{41}", r"\_\-\.", r"\p{greek}\P{^lu}\pl",
        r"\p{Cased_Letter}", "[[:^alpha:][:word:]]", r"[\d\pL-]",
        "[]a]", "[^]a]", "[a-]", "[-a]", "[[:a]", r"\Q(", r"\Q\d\E+", "é+",
    ],
)  # fmt: skip
def test_accepted(text):
    assert refused(text) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r"\u0041", r"'\\u' is not an escape"),
        (r"\C", r"'\\C' is not an escape"),
        (r"\h", "is not an escape"),
        (r"\é", "is not an escape"),
        (r"\1", "is not an escape"),
        (r"\x{110000}", "is not an escape"),
        (r"\xg1", "is not an escape"),
        ("a\\", "is not an escape"),
        (r"[\b]", "is not an escape"),
        (r"[a-\d]", "is not an escape"),
        ("[[:foo:]]", "'[:foo:]' is not a character class"),
        (r"\p{Foo}", r"'\\p{Foo}' is not a character class"),
        (r"\p{Old_Italic}", "is not a character class"),
        (r"\p", "is not a character class"),
        (r"\p{Greek", "is not a character class"),
        ("(a{100}){100}", "more than 1000 together"),
        ("((a{20}){20}|b){3,}", "more than 1000 together"),
        ("a{1,1001}", "must go up"),
        ("a{3,2}", "must go up"),
        ("a{99999999999999999999}", "must go up"),
        ("a*{2}", "repeats a repetition"),
        ("a*??", "repeats a repetition"),
        ("(*)", "nothing that '*' could repeat"),
        ("(?i)*", "nothing that '*' could repeat"),
        ("a|+", "nothing that '+' could repeat"),
        ("{2}", "nothing that '{2}' could repeat"),
        ("a)", ") has no matching ("),
        ("(a", "a group is not closed"),
        ("(?P<n>(?i)", "a group is not closed"),
        ("[a", "is not closed"),
        ("(?-)", "does not begin a group"),
        ("(?P<n-m>a)", "does not begin a group"),
        ("(?P<n>a)(?P<n>b)", "two groups are named 'n'"),
        ("é" * 513, "longer than the 1024"),
    ],
)
def test_refused(text, message):
    assert message in refused(text)
