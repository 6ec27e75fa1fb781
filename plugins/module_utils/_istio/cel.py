# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the syntax of expressions in the Common Expression Language (CEL), with which Istio selects what is logged.

https://github.com/google/cel-spec/blob/master/doc/langdef.md. The rules are those of cel-go without options, with which
Istio parses an expression. Neither looks at names of attributes and at types.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

_ESCAPE = r"""\\(?:[abfnrtv"'\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"""
_PLAIN = "|".join(
    (
        rf'"""(?:{_ESCAPE}|[^\\])*?"""',
        rf"'''(?:{_ESCAPE}|[^\\])*?'''",
        rf'"(?:{_ESCAPE}|[^\\"\n\r])*"',
        rf"'(?:{_ESCAPE}|[^\\'\n\r])*'",
    )
)
_RAW = "|".join((r'""".*?"""', r"'''.*?'''", r'"[^"\n\r]*"', r"'[^'\n\r]*'"))
# The longest token counts, so the order of the groups matters.
_TOKEN = re.compile(
    rf"""
    (?P<space>(?:[\t\ \r\n\f]|//[^\n]*)+)
    |(?P<text>[bB]?(?:[rR](?:{_RAW})|(?:{_PLAIN})))
    |(?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<uint>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
    |(?P<int>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<quoted>`[A-Za-z0-9_.\-/\ ]+`)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])
    """,
    re.DOTALL | re.VERBOSE,
)
_WORDS = {"true": "constant", "false": "constant", "null": "constant", "in": "sign"}
_BINARY = frozenset(("==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "+", "-", "*", "/", "%"))
_RESERVED = (
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
)  # fmt: skip
# Macros -> the numbers of their arguments. The first one is the name of a variable.
_MACROS = {
    **dict.fromkeys(("all", "exists", "exists_one", "filter"), (2,)),
    "map": (2, 3),
}
_ACCUMULATOR = "__result__"
# Of what form an expression is; only these matter to macros, besides a name alone.
_OTHER, _SELECTION = "", "a.b"
# Below Istio's limit, because each level takes several of Python's.
_DEPTH = 100
_LONGEST = 100_000
_PREFIX = re.compile(r"[bBrR]*")
_CODE_POINT = re.compile(r"\\.[0-9a-fA-F]*", re.DOTALL)


class _Wrong(Exception):
    """What is wrong with an expression."""


class _TooDeep(Exception):
    """The expression has more brackets in brackets than are read here."""


def refused(text: str) -> str:
    """Why an expression is not valid; an empty string if it is, or if only Istio can say that."""
    if len(text) > _LONGEST:
        return f"has {len(text)} characters, allowed are at most {_LONGEST}"
    try:
        _Parser(_tokens(text)).whole()
    except _Wrong as error:
        return f"{text!r:.60} is not an expression in CEL: {error}"
    except _TooDeep:
        pass
    return ""


def _tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of each token; both are empty at the end."""
    tokens, place = [], 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found or not found.lastgroup:
            raise _Wrong(f"{text[place : place + 10]!r} is not possible")
        kind, value, place = found.lastgroup, found[0], found.end()
        if kind == "name":
            kind = _WORDS.get(value, kind)
        if kind != "space":
            tokens.append((kind, value))
    return [*tokens, ("", "")]


class _Parser:
    """Reads tokens from left to right. Methods that read an expression return its form: a name, or one of the above."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._place, self._depth = tokens, 0, 0

    def whole(self) -> None:
        self._expression()
        if self._kind:
            raise _Wrong(f"{self._value!r} cannot follow a complete expression")

    @property
    def _kind(self) -> str:
        return self._tokens[self._place][0]

    @property
    def _value(self) -> str:
        return self._tokens[self._place][1]

    def _take(self, *signs: str) -> bool:
        """Whether one of the signs follows; then it is read."""
        if self._kind != "sign" or self._value not in signs:
            return False
        self._place += 1
        return True

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._missing(repr(sign))

    def _missing(self, what: str) -> _Wrong:
        return _Wrong(f"there must be {what} instead of {repr(self._value) if self._kind else 'the end'}")

    def _name(self, quoted: bool = False) -> str:
        """Read a name. quoted: whether it can be in backquotes, as those of fields."""
        if self._kind != "name" and not (quoted and self._kind == "quoted"):
            raise self._missing("a name")
        self._place += 1
        return self._tokens[self._place - 1][1]

    def _expression(self) -> str:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _TooDeep
        form = self._operands()
        # The last part of A ? B : C can be such a choice itself, the first two cannot.
        while self._take("?"):
            form = _OTHER
            self._operands()
            self._need(":")
            self._operands()
        self._depth -= 1
        return form

    def _operands(self) -> str:
        """Read operands and the signs between them, whose precedence does not matter here."""
        form = self._operand()
        while self._take(*_BINARY):
            form = _OTHER
            self._operand()
        return form

    def _operand(self) -> str:
        first = self._place
        while self._take("!"):
            pass
        negations = self._place - first
        while self._take("-"):
            pass
        minus = self._place - first - negations
        # A single minus before a number is part of the number, not an operator.
        own = minus == 1 and self._kind in ("int", "float")
        if negations and minus and not own:
            raise _Wrong("- cannot follow !: write parentheses")
        form = self._selections(self._primary("-" if own else ""))
        # Two of the same operators cancel each other out.
        return _OTHER if (negations or minus - own) % 2 else form

    def _selections(self, form: str) -> str:
        while True:
            if self._take("["):
                self._expression()
                self._need("]")
                form = _OTHER
            elif not self._take("."):
                return form
            else:
                bare, form = self._kind == "name", _SELECTION
                name = self._name(quoted=True)
                if bare and self._take("("):
                    form = _OTHER
                    _check_macro(name, self._items(")", self._expression))

    def _primary(self, minus: str) -> str:
        if self._take("("):
            form = self._expression()
            self._need(")")
            return form
        if self._take("["):
            self._items("]", self._expression, comma=True)
            return _OTHER
        if self._take("{"):
            self._items("}", self._entry, comma=True)
            return _OTHER
        dot = self._take(".")
        if self._kind == "name":
            return self._named("." if dot else "")
        if dot or self._kind in ("", "sign", "quoted"):
            raise self._missing("a name" if dot else "an operand")
        _check_constant(self._kind, self._value, minus)
        self._place += 1
        return _OTHER

    def _named(self, dot: str) -> str:
        """Read a name, a call, or a message such as google.protobuf.Duration{seconds: 1}."""
        end = self._place + 1
        while self._tokens[end] == ("sign", ".") and self._tokens[end + 1][0] == "name":
            end += 2
        if self._tokens[end] == ("sign", "{"):
            self._place = end + 1
            self._items("}", self._field, comma=True)
            return _OTHER
        name = self._name()
        if name in _RESERVED:
            raise _Wrong(f"{name} is a reserved word")
        if not self._take("("):
            return dot + name
        forms = self._items(")", self._expression)
        if dot + name != "has" or len(forms) != 1:
            return _OTHER
        if forms != [_SELECTION]:
            raise _Wrong("has() is for a field, as in has(request.headers)")
        return _SELECTION

    def _items(self, end: str, read: Callable[[], str], comma: bool = False) -> list[str]:
        """Read items up to a bracket. comma: whether a comma can be the last."""
        forms: list[str] = []
        if self._take(end):
            return forms
        if comma and self._take(","):
            self._need(end)
            return forms
        while True:
            forms.append(read())
            if self._take(end):
                return forms
            self._need(",")
            if comma and self._take(end):
                return forms

    def _entry(self) -> str:
        self._expression()
        self._need(":")
        return self._expression()

    def _field(self) -> str:
        self._name(quoted=True)
        self._need(":")
        return self._expression()


def _check_macro(name: str, forms: list[str]) -> None:
    if len(forms) in _MACROS.get(name, ()) and forms[0] in (_OTHER, _SELECTION, _ACCUMULATOR):
        raise _Wrong(f"the first argument of {name}() must be the name of a variable, as in {name}(x, x > 0)")


def _check_constant(kind: str, text: str, minus: str) -> None:
    """Check the range of a number and the code points of a text."""
    base = 16 if text.startswith("0x") else 10
    if kind == "text":
        prefix = _PREFIX.match(text)
        _check_escapes(text, prefix[0].lower() if prefix else "")
    # Python reads no longer integers.
    elif (
        (kind == "float" and math.isinf(float(text)))
        or (kind in ("int", "uint") and len(text) > 4000)
        or (kind == "int" and not -(2**63) <= int(minus + text, base) < 2**63)
        or (kind == "uint" and int(text[:-1], base) >= 2**64)
    ):
        raise _Wrong(f"the number {minus}{text:.40} is out of range")


def _check_escapes(text: str, prefix: str) -> None:
    if "r" in prefix:
        return
    for escape in _CODE_POINT.findall(text):
        if escape[1] not in "uU":
            continue
        if "b" in prefix:
            raise _Wrong(f"{escape} is not possible in bytes")
        number = int(escape[2 : 6 if escape[1] == "u" else 10], 16)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise _Wrong(f"{escape} is not a character")
