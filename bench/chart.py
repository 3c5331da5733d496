"""The fan-out figures as an SVG: bars, a panel for each row, for a column 360 pixels wide."""

import statistics
from html import escape

from figures import FAN_OUT, OURS, TITLES, Figures, number

WIDTH, BAR, PANEL_HEAD, MARGIN = 360, 20, 34, 12
LABELS, VALUES = 142, 44  # the widths beside the bars
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.note { fill: #59636e }
.page { fill: #ffffff }
.bar { fill: #afb8c1 }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .page { fill: #0d1117 }
  .bar { fill: #545d68 }
  .ours { fill: #4493f8 }
}
"""


def draw(figures: Figures) -> str:
    parts = [
        _text(MARGIN, 24, "CPU seconds per million deliveries", "title"),
        _text(MARGIN, 42, "Less is better. The server has one core.", "note"),
    ]
    top = 50
    for row in (figures.rows[name] for name in FAN_OUT if name in figures.rows):
        found = {
            name: statistics.median(row.found[name]["cpu"]) for name in TITLES if name in row.found
        }
        parts.append(_text(MARGIN, top + 22, row.title, "title"))
        parts.extend(_bars(found, top + PANEL_HEAD))
        top += PANEL_HEAD + len(found) * BAR
    height = top + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="CPU seconds per million '
        f'deliveries, chatctl beside other servers">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bars(found: dict[str, float], top: int) -> list[str]:
    longest = WIDTH - 2 * MARGIN - LABELS - VALUES
    parts = []
    for place, (name, value) in enumerate(found.items()):
        y = top + place * BAR
        width = max(1.0, value / max(found.values()) * longest)
        kind = "bar ours" if name.startswith(OURS) else "bar"
        start = MARGIN + LABELS
        size = f'width="{width:.1f}" height="13"'
        parts += [
            _text(MARGIN, y + 14, TITLES[name]),
            f'<rect class="{kind}" x="{start}" y="{y + 4}" {size} rx="2"/>',
            _text(start + width + 6, y + 14, number(value)),
        ]
    return parts


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y}">{escape(text)}</text>'
