"""Small plots as SVG, by hand: axes with units, a line for each series, its name at its end.

They carry their own background, so they are read on a light page and on a dark one alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 46, 56
GAP = 15
"""Pixels from one name to the next, at least."""
COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#525252", "#a16207", "#be185d", "#0e7490")
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">
<title>{title}</title>
<rect width="{width}" height="{height}" rx="8" fill="#ffffff" stroke="#d1d9e0"/>
<text x="{middle}" y="26" text-anchor="middle" font-size="15">{title}</text>
"""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Plot:
    """Time against size, the time on a logarithmic scale. `x`, `y`: what the axes are, with units.

    Series whose name begins with `strong` are drawn so.
    """

    title: str
    x: str
    y: str
    series: Mapping[str, Points]
    strong: str = "devports"

    def svg(self) -> str:
        head = HEAD.format(
            width=WIDTH,
            height=HEIGHT,
            title=escape(self.title),
            middle=(LEFT + WIDTH - RIGHT) / 2,
        )
        return head + "\n".join([*self._axes(), *self._lines(), "</svg>\n"])

    @property
    def _most(self) -> float:
        return max(x for points in self.series.values() for x, _ in points) or 1

    @property
    def _decades(self) -> range:
        """The powers of ten on the y axis, from below the least value to above the greatest."""
        values = [y for points in self.series.values() for _, y in points]
        return range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)

    def _across(self, x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / self._most

    def _up(self, y: float) -> float:
        low, high = self._decades[0], self._decades[-1]
        part = (math.log10(y) - low) / ((high - low) or 1)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part

    def _axes(self) -> Iterator[str]:
        end = WIDTH - RIGHT
        for power in self._decades:
            y = self._up(10**power)
            yield f'<path d="M{LEFT} {y:.0f}H{end}" stroke="#d1d9e0"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{10**power:,g}</text>'
        for x in sorted({x for points in self.series.values() for x, _ in points}):
            place = f'x="{self._across(x):.0f}" y="{HEIGHT - BOTTOM + 18}"'
            yield f'<text {place} text-anchor="middle">{x:,.0f}</text>'
        middle = (LEFT + end) / 2
        yield f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{escape(self.x)}</text>'
        turned = f'transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"'
        yield f'<text {turned} text-anchor="middle">{escape(self.y)}</text>'

    def _lines(self) -> Iterator[str]:
        names = spread([self._up(points[-1][1]) for points in self.series.values()])
        for number, ((name, points), place) in enumerate(
            zip(self.series.items(), names, strict=True)
        ):
            colour = COLOURS[number % len(COLOURS)]
            path = " L".join(f"{self._across(x):.1f} {self._up(y):.1f}" for x, y in points)
            strong = name.startswith(self.strong)
            width, weight = (3, "bold") if strong else (1.5, "normal")
            yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
            for x, y in points:
                at = f'cx="{self._across(x):.1f}" cy="{self._up(y):.1f}"'
                yield f'<circle {at} r="3" fill="{colour}"/>'
            at = f'x="{WIDTH - RIGHT + 10}" y="{place + 4:.0f}"'
            yield f'<text {at} fill="{colour}" font-weight="{weight}">{escape(name)}</text>'


def spread(places: Sequence[float]) -> list[float]:
    """Move names apart that would lie on each other, as little as need be and never downwards."""
    found = list(places)
    below = math.inf
    for number in sorted(range(len(found)), key=lambda one: -found[one]):
        found[number] = min(found[number], below - GAP)
        below = found[number]
    return found
