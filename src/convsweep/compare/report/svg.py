"""matplotlib's figures as SVG inside a page: its fonts, its colours in light and dark, ids of their own."""

import io
import re

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from convsweep.pictures.style import BLUE, GREY, IN_A_PAGE, INK, LINE, ORANGE, SERIES

# page.css gives each of these variables a colour for light and one for dark
VARIABLES = {
    BLUE: "--blue",
    ORANGE: "--orange",
    GREY: "--grey",
    INK: "--ink",
    LINE: "--line",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES) if number > 0},
}

TAG = re.compile(r"<[^>]*>")  # what is outside is text, and is left as it is
ENLARGED = 1.2  # at most, so that texts are not small where there is room, nor large


def inline_svg(figure: Figure, name: str, title: str) -> Markup:
    """Return a figure as an ``<svg>`` element, as wide as there is room for.

    Args:
        figure: Drawn with the settings ``IN_A_PAGE`` and the colours of ``pictures.style``.
        name: Of letters, digits and hyphens, and unique in the page: the element's ids begin with it.
        title: What a reader who can't see the figure is told.
    """
    file = io.StringIO()
    with mpl.rc_context(IN_A_PAGE):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    width, height = (round(72 * float(size)) for size in figure.get_size_inches())
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"\s*<(metadata|!--).*?(</metadata>|-->)", "", body, flags=re.DOTALL)
    body = TAG.sub(lambda tag: _restyled(tag[0]), _own_ids(body, name))
    body = re.sub(r"\n\s*", "\n", body)
    size = f'viewBox="0 0 {width} {height}" width="{round(ENLARGED * width)}"'
    return Markup(  # noqa: S704 - matplotlib escapes texts; the rest is ours
        f'<svg role="img" aria-labelledby="{name}-title" {size} xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title>{body}</svg>'
    )


def _restyled(tag: str) -> str:
    """Give a tag the page's colours and font, and hundredths of a pixel, which do."""
    for colour, variable in VARIABLES.items():
        tag = tag.replace(f": {colour}", f": var({variable})")
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)  # the page's font is narrower than matplotlib's
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag)


def _own_ids(body: str, name: str) -> str:
    """Drop ids that nothing refers to, and let the others begin with the figure's name."""
    used = set(re.findall(r"<[^>]*(?:url\(|href=\")#([\w-]+)", body))

    def renamed(tag: str) -> str:
        tag = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", tag)
        return re.sub(r"(url\(|href=\")#", rf"\1#{name}-", tag)

    return TAG.sub(lambda tag: renamed(tag[0]), body)
