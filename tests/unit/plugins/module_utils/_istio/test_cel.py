# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expressions in CEL, as cel-go parses them. All of these were given to cel-go 0.28.1."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._istio.cel import refused


@pytest.mark.parametrize(
    "text",
    [
        "a", ".a.b", "a.b.c(1, 2)[3].d", "f()", "a == b", "a//b", "\r\n a \t// x\n+ b", "a.if()", "nulls", "true.a",
        "a{}", "a.b{c: 1,}", "a.b{,}", "a{`b c`: 1}", ".a.b{c: 1}.d", "a.`b/c-d`", "if{}",
        "[]", "[,]", "[1, 2,]", "{}", "{,}", "{1: 2, 'a': [3],}", "1 in {1: 2} ? [1, 2][0] : -1",
        "has(a.b)", "has((a.b))", "has(has(a.b))", "has(a, b)", "has()", ".has(a)", "a.has(b)", "has(!!a.b)",
        "a.all(x, x > 0)", "a.all(x)", "all(1, 2)", "a.map(x, y, z)", "a.filter((x), 1)", "a.exists_one(.x, 1)",
        "a ? b : c ? d : e", "a ? (b ? c : d) : e", "a < b < c", "!!a", "--a", "!-1", "a - -b", "- 1", "-'a'",
        "9223372036854775807", "-9223372036854775808", "-0x8000000000000000", "18446744073709551615u", "007",
        "1e5", "1.5", ".5", ".1.a", "1.a", "1e308", "1e-999", "0xFFu",
        "'a'", '"a"', "'''a\n'b'''", '"""a"b"""', "r'\\d'", "br'\\x'", "b'\\xff\\377'",
        "'\\ud7ff\\U0010ffff'", "'\\\\ud800'",
        "a" * 100_000, "(" * 99 + "a" + ")" * 99, "(" * 120 + "a" + ")" * 120,
    ],
)  # fmt: skip
def test_accepted(text):
    assert refused(text) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there must be an operand instead of the end"),
        ("a" * 100_001, "has 100001 characters, allowed are at most 100000"),
        ("//a", "instead of the end"),
        ("a b", "'b' cannot follow a complete expression"),
        ("a)", "')' cannot follow"),
        ("a = b", "'= b' is not possible"),
        ("a & b", "'& b' is not possible"),
        ("é", "is not possible"),
        ("'a", '"\'a" is not possible'),
        ("'a\nb'", "is not possible"),
        ("'\\d'", "is not possible"),
        ("a.", "there must be a name instead of the end"),
        ("a.in", "there must be a name instead of 'in'"),
        ("a.?b", "there must be a name instead of '?'"),
        ("a.`b`()", "'(' cannot follow"),
        ("`a`", "there must be an operand instead of '`a`'"),
        (".'a'", "there must be a name instead of \"'a'\""),
        ("if", "if is a reserved word"),
        ("package(1)", "package is a reserved word"),
        ("f(1,)", "there must be an operand instead of ')'"),
        ("f(1 2)", "there must be ',' instead of '2'"),
        ("[1,,]", "there must be an operand instead of ','"),
        ("[,1]", "there must be ']' instead of '1'"),
        ("{1}", "there must be ':' instead of '}'"),
        ("{?a: 1}", "there must be an operand instead of '?'"),
        ("a{1: 2}", "there must be a name instead of '1'"),
        ("a[0]{b: 1}", "'{' cannot follow"),
        ("a[1", "there must be ']' instead of the end"),
        ("(a", "there must be ')' instead of the end"),
        ("has(a)", "has() is for a field"),
        ("has(a[0])", "has() is for a field"),
        ("has(-a.b)", "has() is for a field"),
        ("has(a.b == 1)", "has() is for a field"),
        ("has(a.b ? c : d)", "has() is for a field"),
        ("a.all(x.y, 1)", "the first argument of all() must be the name of a variable"),
        ("a.map(1, y, z)", "the first argument of map()"),
        ("a.filter(__result__, 1)", "the first argument of filter()"),
        ("a.exists(f(x), 1)", "the first argument of exists()"),
        ("a ? b", "there must be ':' instead of the end"),
        ("a ? b ? c : d : e", "there must be ':' instead of '?'"),
        ("-!a", "there must be an operand instead of '!'"),
        ("!-a", "- cannot follow !"),
        ("!--1", "- cannot follow !"),
        ("9223372036854775808", "the number 9223372036854775808 is out of range"),
        ("-9223372036854775809", "the number -9223372036854775809 is out of range"),
        ("--9223372036854775808", "out of range"),
        ("0x8000000000000000", "out of range"),
        ("18446744073709551616u", "out of range"),
        ("1e309", "out of range"),
        ("1" * 5000, "out of range"),
        ("1.", "there must be a name instead of the end"),
        ("0xg", "'xg' cannot follow"),
        ("'\\ud800'", "\\ud800 is not a character"),
        ("'\\U00110000'", "is not a character"),
        ("b'\\u0041'", "is not possible in bytes"),
    ],
)
def test_refused(text, message):
    assert message in refused(text)
