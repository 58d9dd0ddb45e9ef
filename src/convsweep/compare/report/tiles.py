"""Small pictures inside the page: filters as squares in the page's own colours, digits as PNG in data URIs."""

import base64
import io

import numpy as np
from markupsafe import Markup
from PIL import Image

from convsweep.nn.patches import Floats, Pixels

CELL, GAP = 10, 8  # units of the drawing: of a weight, and between filters


def filters_svg(filters: Floats, limit: float, title: str, *, columns: int = 8) -> Markup:
    """Draw filters ``[F, 3, 3]``: blue below 0, red above, the stronger the further from 0.

    Args:
        filters: At least one.
        limit: The size of a weight that is drawn in full colour.
        title: Of letters, digits and blanks: what a reader who can't see the picture is told.
        columns: Filters side by side.
    """
    pitch = 3 * CELL + GAP
    num_rows = -(-len(filters) // columns)
    width, height = min(columns, len(filters)) * pitch - GAP, num_rows * pitch - GAP
    squares = []
    for number, kernel in enumerate(filters):
        top, left = (pitch * place for place in divmod(number, columns))
        squares.append(f'<rect class="edge" x="{left}" y="{top}" width="{3 * CELL}" height="{3 * CELL}"/>')
        for (row, column), weight in np.ndenumerate(kernel):
            sign, strength = "above" if weight > 0 else "below", min(abs(float(weight)) / limit, 1.0) if limit else 0.0
            squares.append(
                f'<rect class="{sign}" x="{left + CELL * column}" y="{top + CELL * row}" width="{CELL}" '
                f'height="{CELL}" opacity="{strength:.2f}"/>'
            )
    return Markup(  # noqa: S704 - numbers, and a title of ours
        f'<svg class="filters" role="img" viewBox="-1 -1 {width + 2} {height + 2}" width="{round(1.3 * width)}">'
        f"<title>{title}</title>{''.join(squares)}</svg>"
    )


def data_uri(image: Pixels) -> str:
    """Return an image, uint8 ``[H, W]``, dark on light, as the address of a PNG file inside the page."""
    content = io.BytesIO()
    Image.fromarray(255 - image).save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
