# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks regular expressions against the RE2 syntax, which Istio and Envoy use.

https://github.com/google/re2/wiki/Syntax. The rules are those of Go's regexp/syntax, with which Istio validates.
"""

from __future__ import annotations

import re

_SYNTAX = "(https://github.com/google/re2/wiki/Syntax)"
_PERL_CLASS = re.compile(r"\\[dswDSW]")
_ESCAPE = re.compile(
    r"\\(?:[afnrtv]|0[0-7]{0,2}|[1-7][0-7]{1,2}|x[0-9a-fA-F]{2}|x\{0*(?:10|[0-9a-fA-F])?[0-9a-fA-F]{1,4}\}|(?![0-9A-Za-z])[\x00-\x7f])"
)
_POSIX_CLASS = re.compile(r"\[:(.*?):\]", re.DOTALL)
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_POSIX_NAMES = (
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph",
    "lower", "print", "punct", "space", "upper", "word", "xdigit",
)  # fmt: skip
_REPETITION = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_NAMED_GROUP = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_FLAGS = re.compile(r"\(\?[imsU]*(?:-[imsU]+)?([:)])")
_UNICODE_CLASS = re.compile(r"\\[pP](?:\{\^?([^}]*)\}|([^{]))", re.DOTALL)
# Names as Go compares them: without _, - and spaces, only the first letter is upper-case.
_CATEGORIES = """
Any Assigned Ascii C Cc Cf Cn Co Cs L Lc Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl
Zp Zs Casedletter Closepunctuation Cntrl Combiningmark Connectorpunctuation Control Currencysymbol Dashpunctuation
Decimalnumber Digit Enclosingmark Finalpunctuation Format Initialpunctuation Letter Letternumber Lineseparator
Lowercaseletter Mark Mathsymbol Modifierletter Modifiersymbol Nonspacingmark Number Openpunctuation Other Otherletter
Othernumber Otherpunctuation Othersymbol Paragraphseparator Privateuse Punct Punctuation Separator Spaceseparator
Spacingmark Surrogate Symbol Titlecaseletter Unassigned Uppercaseletter
"""
_SCRIPTS = """
Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Carian
Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Dogra Duployan Elbasan
Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana
Inherited Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Lisu Lycian
Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Medefaidrin Miao Modi Mongolian Mro Multani Myanmar
Nabataean Nandinagari Newa Nko Nushu Ogham Oriya Osage Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra
Sharada Shavian Siddham Sinhala Sogdian Soyombo Sundanese Syriac Tagalog Tagbanwa Takri Tamil Tangsa Tangut Telugu
Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Yezidi Yi
"""
_UNICODE_NAMES = frozenset(f"{_CATEGORIES} {_SCRIPTS}".split())


class _Refused(Exception):
    """The reason why a text is not an RE2 expression."""


class _Reader:
    """Reads an expression once, from the left to the right.

    A repeated part has a weight: the product of its nested repetitions, which RE2 limits to 1000. self.last is the
    weight of the last part, or None if there is nothing to repeat yet. self.greatest is the greatest weight in the
    current group. self.groups is a stack of the greatest weights of the open outer groups.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.last: int | None = None
        self.greatest = 1
        self.groups: list[int] = []
        self.names: set[str] = set()

    def read(self) -> None:
        repeated = False
        while self.at < len(self.text):
            repeated = self._part(repeated)
        if self.groups:
            raise _Refused("a group is not closed, a ) is missing")

    def _part(self, after_repetition: bool) -> bool:
        """Read one part. Returns whether it was a repetition."""
        char = self.text[self.at]
        counts = _REPETITION.match(self.text, self.at) if char == "{" else None
        if char in "*+?" or counts:
            self._repeat(counts, after_repetition)
            return True
        if char == "(":
            self._open()
        elif char == ")":
            self._close()
        elif char == "|":
            self._add(None)
            self.at += 1
        elif char == "[":
            self._set()
            self._add(1)
        elif char == "\\":
            self._escape()
        else:
            self.at += 1
            self._add(1)
        return False

    def _add(self, weight: int | None) -> None:
        self.greatest = max(self.greatest, self.last or 1)
        self.last = weight

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _repeat(self, counts: re.Match[str] | None, after_repetition: bool) -> None:
        begin = self.at
        self.at = counts.end() if counts else self.at + 1
        self.at += self.text[self.at : self.at + 1] == "?"
        what = self.text[begin : self.at]
        if after_repetition:
            raise _Refused(f"{what!r} repeats a repetition")
        if self.last is None:
            raise _Refused(f"there is nothing that {what!r} could repeat")
        if counts is None:
            return
        # A number with more digits is too large in any case.
        least = int(counts[1][:9])
        most = int(counts[3][:9]) if counts[3] else None if counts[2] else least
        if least > 1000 or (most is not None and not least <= most <= 1000):
            raise _Refused(f"the numbers of {what!r} must go up, and not above 1000")
        self.last = 0 if most == 0 else self.last * ((least if most is None else most) or 1)
        if self.last > 1000 and max(least, most or 0) >= 2:
            raise _Refused(f"with {what!r} the nested repetitions are more than 1000 together")

    def _open(self) -> None:
        if self.text.startswith("(?", self.at):
            begin = self.at
            named = self._match(_NAMED_GROUP)
            flags = None if named else self._match(_FLAGS)
            if named and named[1] in self.names:
                raise _Refused(f"two groups are named {named[1]!r}")
            if flags and flags[1] == ")":
                return
            if not named and not flags:
                start = self.text[begin : begin + 4]
                raise _Refused(
                    f"{start!r} does not begin a group; lookaround, comments and conditions are not possible"
                )
            if named:
                self.names.add(named[1])
        else:
            self.at += 1
        self._add(None)
        self.groups.append(self.greatest)
        self.greatest = 1

    def _close(self) -> None:
        if not self.groups:
            raise _Refused("a ) has no matching (")
        self._add(None)
        self.last, self.greatest = self.greatest, self.groups.pop()
        self.at += 1

    def _escape(self) -> None:
        if self.text.startswith("\\Q", self.at):
            end = self.text.find("\\E", self.at + 2)
            literal = self.text[self.at + 2 : end if end >= 0 else None]
            self.at = end + 2 if end >= 0 else len(self.text)
            if literal:
                self._add(1)
            return
        if self.text[self.at + 1 : self.at + 2] in ("A", "b", "B", "z"):
            self.at += 2
        elif not self._class():
            self._char()
        self._add(1)

    def _class(self) -> bool:
        """Read an escape for a class of characters, if there is one."""
        if self._match(_PERL_CLASS):
            return True
        if self.text[self.at : self.at + 2] not in ("\\p", "\\P"):
            return False
        found = self._match(_UNICODE_CLASS)
        if not found or not _unicode(found[1] if found[1] is not None else found[2]):
            raise _Refused(f"{found[0] if found else self.text[self.at : self.at + 8]!r} is not a character class")
        return True

    def _char(self) -> str:
        """Read one character, perhaps escaped."""
        if self.text[self.at] != "\\":
            self.at += 1
            return self.text[self.at - 1]
        found = self._match(_ESCAPE)
        if not found:
            raise _Refused(f"{self.text[self.at : self.at + 2]!r} is not an escape")
        return _meant(found[0])

    def _set(self) -> None:
        begin = self.at
        self.at += 2 if self.text.startswith("[^", self.at) else 1
        first = True
        while first or not self.text.startswith("]", self.at):
            first = False
            self._set_part(begin)
        self.at += 1

    def _set_part(self, begin: int) -> None:
        if named := self._match(_POSIX_CLASS):
            if named[1].removeprefix("^") not in _POSIX_NAMES:
                raise _Refused(f"{named[0]!r} is not a character class")
            return
        if self._class():
            return
        low = self._set_char(begin)
        if (
            self.text.startswith("-", self.at)
            and not self.text.startswith("-]", self.at)
            and self.at + 1 < len(self.text)
        ):
            self.at += 1
            high = self._set_char(begin)
            if high < low:
                raise _Refused(f"the range {low}-{high} goes down")

    def _set_char(self, begin: int) -> str:
        if self.at >= len(self.text):
            raise _Refused(f"the set {self.text[begin : begin + 10]!r} is not closed, a ] is missing")
        return self._char()


def _meant(escape: str) -> str:
    """The character of an escape."""
    body = escape[1:]
    if body in _CONTROLS:
        return _CONTROLS[body]
    if body[0] == "x":
        return chr(int(body[1:].strip("{}"), 16))
    return chr(int(body, 8)) if body[0] in "01234567" else body


def _unicode(name: str) -> bool:
    """Whether a Unicode category or script exists. Go 1.26 does not find scripts whose names have several words."""
    bare = re.sub("[-_ ]", "", name.removeprefix("^"))
    return (bare[:1].upper() + bare[1:].lower()) in _UNICODE_NAMES


def refused(text: str) -> str:
    """The reason why RE2 refuses the expression; empty if it accepts it."""
    if not text:
        return "must not be empty"
    if len(text.encode("utf-8", "surrogatepass")) > 1024:
        return "is longer than the 1024 characters that Istio allows"
    try:
        _Reader(text).read()
    except _Refused as error:
        return f"{text!r} is not an RE2 regular expression: {error} {_SYNTAX}"
    return ""
