# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render the page of the product as HTML from the answers of the other services."""

from __future__ import annotations

from html import escape
from typing import Any

Json = dict[str, Any]

TITLE = "Bank Demo"
STYLE = """
body { margin: 0; font: 16px/1.5 sans-serif; color: #1f2937; background: #f9fafb }
header { display: flex; justify-content: space-between; padding: 12px 32px; color: #fff; background: #065f46 }
header a { color: #fff }
main { max-width: 1000px; margin: 0 auto; padding: 0 32px 32px }
h1 { text-align: center; color: #065f46 }
section { margin: 16px 0; padding: 8px 24px; background: #fff; border: 1px solid #e5e7eb; border-radius: 8px }
footer { color: #6b7280; font-size: 14px }
"""
FACTS = {"issuer": "Issuer", "term": "Term", "rate": "Expected yield a year", "minimum": "Minimum amount"}


def product_page(details: Json, added: Json, user: str) -> str:
    """The whole page. If an answer has `error`, its section shows the error."""
    body = (
        f"<h1>Steady Growth Deposit</h1>"
        f'<section id="details"><h2>Details</h2>{_details(details)}</section>'
        f'<section id="addedvalues"><h2>Added values</h2>{_added(added)}</section>'
    )
    return document(_user(user), body)


def document(aside: str, body: str) -> str:
    """A complete HTML document with this content."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f"<style>{STYLE}</style></head><body><header><strong>{TITLE}</strong>{aside}</header>"
        f"<main>{body}</main></body></html>\n"
    )


def _user(user: str) -> str:
    if user:
        return f'<span><span id="user">{escape(user)}</span> (<a href="logout">sign out</a>)</span>'
    return (
        '<form method="post" action="login"><input name="username" placeholder="User name">'
        '<input name="passwd" type="password" placeholder="Password"><input type="submit" value="Sign in"></form>'
    )


def _details(details: Json) -> str:
    if "error" in details:
        return f"<p>{escape(details['error'])}</p>"
    rows = "".join(f"<dt>{label}</dt><dd>{escape(str(details.get(key, '')))}</dd>" for key, label in FACTS.items())
    return f"<dl>{rows}</dl>"


def _added(added: Json) -> str:
    if "error" in added:
        return f"<p>{escape(added['error'])}</p>"
    text = "".join(f"<p>{escape(offer)}</p>" for offer in added["offers"])
    if "analysis" in added:
        rows = "".join(f"<li>{escape(name)}: {escape(said)}</li>" for name, said in added["analysis"].items())
        text += f'<h3>Risk and investment analysis</h3><ul id="analysis">{rows}</ul>'
    if "styletransfer" in added:
        text += _styles(added["styletransfer"])
    return f"{text}<footer>Added values served by: <u>{escape(str(added['podname']))}</u></footer>"


def _styles(transfer: Json) -> str:
    """The form of the style transfer. Its button is disabled while a call that it depends on fails."""
    choices = "".join(f"<option>{escape(style)}</option>" for style in transfer["styles"])
    state, reason = ("", "") if transfer["enabled"] else (" disabled", f"<p><i>{escape(transfer['reason'])}</i></p>")
    return (
        f'<h3>Style transfer</h3>{_picture(transfer["palette"])}<form action="productpage">'
        f'<select name="style">{choices}</select> <button id="transfer"{state}>Transfer</button></form>{reason}'
    )


def _picture(palette: list[str]) -> str:
    if len(palette) != 3:
        return ""
    sky, hill, sun = (escape(colour) for colour in palette)
    return (
        f'<svg id="picture" width="240" height="120"><rect width="240" height="120" fill="{sky}"/>'
        f'<circle cx="180" cy="40" r="24" fill="{sun}"/><path d="M0 120 L90 40 L240 120 Z" fill="{hill}"/></svg>'
    )
