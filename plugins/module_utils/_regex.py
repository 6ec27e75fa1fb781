# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a regular expression is one of RE2's, which is what Istio and Envoy use.

https://github.com/google/re2/wiki/Syntax. Python's own syntax is close: what RE2 lacks is looked for, what Python
lacks is replaced by something harmless, and Python's compiler judges the rest.
"""

from __future__ import annotations

import re
import warnings

_REFUSED = (
    (r"\(\?<?[=!]", "lookaround ((?=, (?!, (?<=, (?<!)"),
    (r"\(\?>", "an atomic group ((?>)"),
    (r"\(\?P=|\\[1-9]|\\[gk][<{]", "a back reference"),
    (r"\(\?\(|\(\?#|\(\?[a-zA-Z]*x", "a conditional, comment or verbose group"),
    (r"\\[ZGXR]", "an escape that RE2 does not know"),
    (r"(?:[*+?]|\{\d+(?:,\d*)?\})(?:[*+]|\{\d+(?:,\d*)?\})|[*+?]\?[*+?]", "a repetition of a repetition"),
)
_HARMLESS = (
    (r"\\[pP](?:\{\^?\w+\}|\w)", r"\\w"),
    (r"\\z", r"\\Z"),
    (r"\\C", "."),
    (r"\\x\{[0-9a-fA-F]+\}", "x"),
    (r"\[:\^?\w+:\]", "w"),
    (r"\(\?<(\w+)>", r"(?P<\1>"),
    (r"\(\?[imsU]*(?:-[imsU]+)?:", "(?:"),
    (r"\(\?[imsU]*(?:-[imsU]+)?\)", ""),
)


def refused(text: str) -> str:
    """Why RE2 refuses the expression; empty when it does not."""
    if not text:
        return "must not be empty"
    if len(text) > 1024:
        return "is longer than the 1024 characters that Istio allows"
    # Quoted parts, pairs of backslashes and sets cannot contain a construct.
    plain = re.sub(r"\\Q.*?(?:\\E|$)", "q", text, flags=re.DOTALL)
    plain = plain.replace("\\\\", "q")
    bare = re.sub(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", "s", plain)
    bare_escaped = re.sub(r"\\[^1-9ZGXRgkpPzCxQE]", "e", bare)
    for pattern, what in _REFUSED:
        if re.search(pattern, bare_escaped):
            return f"{text!r} has {what}, which RE2 does not know (https://github.com/google/re2/wiki/Syntax)"
    if any(int(number) > 1000 for number in re.findall(r"[{,](\d+)(?=[,}])", bare_escaped)):
        return f"{text!r} repeats more than 1000 times, which RE2 refuses"
    for pattern, instead in _HARMLESS:
        plain = re.sub(pattern, instead, plain)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(plain)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{text!r} is no regular expression: {error}"
    return ""
