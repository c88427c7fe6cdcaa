"""A page on paper: the look of an administrative document of Vietnam (paper.css says by which rule), as PDF.

Not for: what it says. Invariants: the fonts are ours and hold every Vietnamese letter; nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

FONTS = Path(__file__).parent / "fonts"
STYLE = Path(__file__).parent / "paper.css"
FAMILY = "Vong Lau Serif"  # the name paper.css uses
FACES = (
    ("LiberationSerif-Regular.ttf", "normal", "normal"),
    ("LiberationSerif-Bold.ttf", "bold", "normal"),
    ("LiberationSerif-Italic.ttf", "normal", "italic"),
    ("LiberationSerif-BoldItalic.ttf", "bold", "italic"),
)


def pdf_of(page: str, *, more_style: str = "", has_fields: bool = False) -> bytes:
    """Return the PDF of a page under the style of paper.css; only our own fonts can be loaded.

    With `has_fields` the inputs of the page can be filled in on the screen.
    """
    # Heavy, and only for who asks for paper.
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class OurFonts(URLFetcher):  # type: ignore[misc]  # the library ships no types
        """Loads the fonts and nothing else: a page never reaches outside the process."""

        def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
            """Return the bytes of one of our fonts. Raises FatalURLFetchingError, which ends the rendering."""
            if url not in {_address(name) for name, _, _ in FACES}:
                raise FatalURLFetchingError(f"a page loads nothing but its fonts, not {url}")
            return super().fetch(url, headers)

    fonts, fetcher = FontConfiguration(), OurFonts(allowed_protocols=("file",))
    style = _faces() + STYLE.read_text(encoding="utf-8") + more_style
    faces = CSS(string=style, font_config=fonts, url_fetcher=fetcher)
    made: bytes = HTML(string=page, url_fetcher=fetcher).write_pdf(
        stylesheets=[faces], font_config=fonts, pdf_forms=has_fields
    )
    return made


def _faces() -> str:
    return "".join(
        f"@font-face{{font-family:'{FAMILY}';font-weight:{weight};font-style:{style};src:url('{_address(name)}')}}"
        for name, weight, style in FACES
    )


def _address(name: str) -> str:
    return (FONTS / name).as_uri()
