# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render the product page as HTML from the answers of the other services."""

from __future__ import annotations

from html import escape
from typing import Any

Json = dict[str, Any]

TITLE = "Simple Bookstore App"
PRODUCT: Json = {
    "id": 0,
    "title": "The Comedy of Errors",
    "descriptionHtml": "One of Shakespeare's early plays, and one of his shortest: two pairs of twins, "
    "separated at birth, meet in one town and are taken for each other all day long.",
}
STYLE = """
body { margin: 0; font: 16px/1.5 sans-serif; color: #1f2937; background: #f9fafb }
nav { display: flex; justify-content: space-between; padding: 12px 32px; color: #fff; background: #1e40af }
nav a, nav button { color: #fff } nav strong { font-size: 20px }
main { max-width: 1000px; margin: 0 auto; padding: 0 32px 32px }
h1 { text-align: center; color: #1e40af }
.columns { display: grid; grid-template-columns: 1fr 2fr; gap: 24px }
section { padding: 8px 24px; background: #fff; border: 1px solid #e5e7eb; border-radius: 8px }
dt { font-weight: bold } dd { margin: 0 0 8px }
blockquote { margin: 16px 0; padding-left: 16px; border-left: 4px solid #e5e7eb }
footer { color: #6b7280; font-size: 14px }
.stars { font-size: 22px; letter-spacing: 2px }
"""
DETAILS = {
    "ISBN-10": "ISBN-10",
    "publisher": "Publisher",
    "pages": "Pages",
    "type": "Type",
    "language": "Language",
}


def product_page(details: Json, reviews: Json, user: str | None) -> str:
    """The whole page. If an answer has `error`, the section shows the error."""
    body = (
        f"<h1>{escape(PRODUCT['title'])}</h1><p>{escape(PRODUCT['descriptionHtml'])}</p>"
        f'<div class="columns"><section id="details">{_details(details)}</section>'
        f'<section id="reviews">{_reviews(reviews)}</section></div>'
    )
    return document(f"{_user(user)}", body)


def document(aside: str, body: str) -> str:
    """A complete HTML document with this content."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f"<style>{STYLE}</style></head><body><nav><strong>BookInfo Sample</strong>{aside}</nav>"
        f"<main>{body}</main></body></html>\n"
    )


def _user(user: str | None) -> str:
    if user:
        return f'<span><span id="user">{escape(user)}</span> (<a href="logout">sign out</a>)</span>'
    return (
        '<form method="post" action="login"><input name="username" placeholder="User name">'
        '<input name="passwd" type="password" placeholder="Password"><input type="submit" value="Sign in"></form>'
    )


def _details(details: Json) -> str:
    if "error" in details:
        return f"<h4>Error fetching product details!</h4><p>{escape(details['error'])}</p>"
    rows = "".join(f"<dt>{label}</dt><dd>{escape(str(details.get(key, '')))}</dd>" for key, label in DETAILS.items())
    return f"<h4>Book Details</h4><dl>{rows}</dl>"


def _reviews(reviews: Json) -> str:
    if "error" in reviews:
        return f"<h4>Error fetching product reviews!</h4><p>{escape(reviews['error'])}</p>"
    quotes = "".join(
        f"<blockquote><p>{escape(review['text'])}</p><cite>{escape(review['reviewer'])}</cite>{_stars(review.get('rating'))}</blockquote>"
        for review in reviews["reviews"]
    )
    return f"<h4>Book Reviews</h4>{quotes}<footer>Reviews served by: <u>{escape(str(reviews['podname']))}</u></footer>"


def _stars(rating: Json | None) -> str:
    if not rating:
        return ""
    if "error" in rating:
        return f"<p><i>{escape(rating['error'])}</i></p>"
    count, colour = int(rating["stars"]), escape(str(rating["color"]))
    shown = "★" * count + "☆" * (5 - count)
    return f'<div class="stars" style="color: {colour}" title="{count} of 5">{shown}</div>'
