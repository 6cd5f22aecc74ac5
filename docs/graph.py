"""The asset graph as SVG, laid out from the definitions: a frame per stage, a box per asset, downwards.

Assets of a stage stand in one frame. An arrow leaves a frame where all of its assets are read, else the assets
that are. What skips a stage runs beside the frames.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

BOX_WIDTH, BOX_HEIGHT, GAP, PAD = 192, 50, 12, 14
TITLE, ROW_GAP, GUTTER, LANE = 24, 44, 46, 14
LINE, INK, QUIET = "#64748b", "#0f172a", "#475569"
# Fill and stroke of a stage's frame, in the order of the data's way.
COLOURS = (
    ("#e0f2fe", "#0284c7"),
    ("#dcfce7", "#16a34a"),
    ("#fef9c3", "#ca8a04"),
    ("#ede9fe", "#7c3aed"),
    ("#fae8ff", "#a21caf"),
    ("#ffe4e6", "#e11d48"),
    ("#ffedd5", "#ea580c"),
)
FONT = "font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""


@dataclass
class Asset:
    name: str
    store: str  # 'postgres' or 'objects'
    place: str
    checks: int
    parents: frozenset[str]
    x: float = 0
    y: float = 0

    @property
    def middle(self) -> float:
        return self.x + BOX_WIDTH / 2


@dataclass
class Frame:
    """A stage."""

    name: str
    assets: list[Asset]
    row: int = 0
    x: float = 0
    y: float = 0

    @property
    def width(self) -> float:
        return len(self.assets) * (BOX_WIDTH + GAP) - GAP + 2 * PAD

    @property
    def height(self) -> float:
        return TITLE + BOX_HEIGHT + PAD

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


def svg(graph: Any) -> str:
    """Return the picture of the stages; the same stages give the same text."""
    frames = _frames(graph)
    width, height = _placed(frames)
    arrows = _arrows(frames, width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="The asset graph">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{LINE}"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" rx="12" fill="#ffffff"/>',
        *_portal(width),
        *(_frame(frame, COLOURS[i % len(COLOURS)]) for i, frame in enumerate(frames)),
        *arrows,
        *_legend(height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frames(graph: Any) -> list[Frame]:
    """Return the groups in the order of the data's way, with their assets."""
    frames: dict[str, Frame] = {}
    depth: dict[str, int] = {}
    for stage in graph.stages:
        frame = frames.setdefault(stage.group, Frame(stage.group, []))
        parents = frozenset(source.entry.asset for source in stage.inputs.values())
        for name, output in sorted(stage.outputs.items()):
            entry = output.entry
            in_postgres = hasattr(entry, "database_schema")
            store = "postgres" if in_postgres else "objects"
            both = " + objects" if getattr(entry, "mirror", None) else ""
            place = f"Postgres {entry.database_schema}{both}" if in_postgres else f"objects {entry.prefix}/"
            checks = sum(rule.asset == name for rule in stage.rules)
            frame.assets.append(Asset(name, store, place, checks, parents))
            depth[name] = 1 + max((depth[parent] for parent in parents), default=-1)
    for frame in frames.values():
        frame.row = max(depth[asset.name] for asset in frame.assets)
        # Those that others read stand in the middle of the picture's flow, the dead ends before them.
        read = {parent for other in frames.values() for asset in other.assets for parent in asset.parents}
        frame.assets.sort(key=lambda asset: (asset.name in read, asset.name))
    return sorted(frames.values(), key=lambda frame: (frame.row, frame.name))


def _placed(frames: Sequence[Frame]) -> tuple[float, float]:
    """Give every frame and box its place; return width and height of the picture."""
    rows: dict[int, list[Frame]] = {}
    for frame in frames:
        rows.setdefault(frame.row, []).append(frame)
    widths = {row: sum(f.width for f in members) + GUTTER * (len(members) - 1) for row, members in rows.items()}
    width = max(widths.values()) + 2 * GUTTER
    y = 72.0
    for row, members in sorted(rows.items()):
        x = (width - widths[row]) / 2
        for frame in members:
            frame.x, frame.y = x, y
            for i, asset in enumerate(frame.assets):
                asset.x, asset.y = x + PAD + i * (BOX_WIDTH + GAP), y + TITLE
            x += frame.width + GUTTER
        y += members[0].height + ROW_GAP
    return width, y - ROW_GAP + 46


def _arrows(frames: Sequence[Frame], width: float) -> list[str]:
    first = min(frames, key=lambda frame: frame.row)
    lines = [_path([(first.middle, 46), (first.middle, first.y)])]
    for target in frames:
        wanted = {parent for asset in target.assets for parent in asset.parents}
        sources = [f for f in frames if f is not target and any(a.name in wanted for a in f.assets)]
        skipping = [f for f in sources if f.row < target.row - 1]
        for source in sources:
            read = [asset for asset in source.assets if asset.name in wanted]
            whole = len(read) == len(source.assets)
            bottom = source.bottom if whole else source.bottom + 10
            lines += _joined(source, read)
            if source not in skipping:
                ends = [source.middle] if whole else [asset.middle for asset in read]
                x = min(max(target.middle, min(ends)), max(ends))
                turn = target.y - ROW_GAP / 2 + 4
                points = [(x, bottom), (x, turn), (target.middle, turn), (target.middle, target.y)]
                lines.append(_path([(x, bottom), (x, target.y)] if x == target.middle else points))
                continue
            # The one that comes from farthest runs outermost and enters lowest, so that none cross.
            place = skipping.index(source)
            left = target.middle < width / 2
            lane = LANE * (place + 1) + 4
            outside = lane if left else width - lane
            y = target.y + TITLE + 12 + 26 * (len(skipping) - 1 - place)
            edge = target.x if left else target.x + target.width
            if whole:
                start = (source.x if left else source.x + source.width, source.y + source.height / 2)
            else:
                start = (read[0].middle, bottom)
            lines.append(_path([start, (outside, start[1]), (outside, y), (edge, y)]))
    return list(dict.fromkeys(lines))


def _joined(source: Frame, read: Sequence[Asset]) -> list[str]:
    """Join assets of a frame that are read together by a line below it; none where the whole frame is read."""
    if len(read) == len(source.assets):
        return []
    y = source.bottom + 10
    downs = [_path([(asset.middle, asset.y + BOX_HEIGHT), (asset.middle, y)], tip=False) for asset in read]
    return [*downs, _path([(read[0].middle, y), (read[-1].middle, y)], tip=False)]


def _path(points: Sequence[tuple[float, float]], tip: bool = True) -> str:
    """Draw a line through the points with rounded corners."""
    clean = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
    text = f"M{clean[0][0]:g} {clean[0][1]:g}"
    for before, corner, after in zip(clean, clean[1:], clean[2:], strict=False):
        a, b = _towards(corner, before), _towards(corner, after)
        text += f" L{a[0]:g} {a[1]:g} Q{corner[0]:g} {corner[1]:g} {b[0]:g} {b[1]:g}"
    text += f" L{clean[-1][0]:g} {clean[-1][1]:g}"
    marker = ' marker-end="url(#tip)"' if tip else ""
    return f'<path d="{text}" fill="none" stroke="{LINE}" stroke-width="1.5"{marker}/>'


def _towards(corner: tuple[float, float], other: tuple[float, float], radius: float = 8) -> tuple[float, float]:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    reach = min(radius, length / 2)
    return round(corner[0] + dx / length * reach, 1), round(corner[1] + dy / length * reach, 1)


def _text(
    x: float, y: float, words: str, size: float, colour: str = INK, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" {FONT} font-size="{size:g}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def _frame(frame: Frame, colour: tuple[str, str]) -> str:
    fill, stroke = colour
    parts = [
        f'<rect x="{frame.x:g}" y="{frame.y:g}" width="{frame.width:g}" height="{frame.height:g}" rx="10" '
        f'fill="{fill}" stroke="{stroke}" stroke-opacity="0.45"/>',
        _text(frame.x + PAD, frame.y + 16, frame.name, 12, stroke, 700),
    ]
    for asset in frame.assets:
        parts += [
            f'<rect x="{asset.x:g}" y="{asset.y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="#ffffff" '
            f'stroke="{stroke}" stroke-width="1.3"/>',
            _text(asset.x + 10, asset.y + 20, asset.name, 13, INK, 600),
            _icon(asset.store, asset.x + 10, asset.y + 28, stroke),
            _text(asset.x + 28, asset.y + 39, asset.place, 10.5, QUIET),
        ]
        if asset.checks:
            checks = f"{asset.checks} \u2713"
            parts.append(_text(asset.x + BOX_WIDTH - 8, asset.y + 39, checks, 10.5, stroke, 600, "end"))
    return "\n".join(parts)


def _icon(store: str, x: float, y: float, colour: str) -> str:
    """Draw a cylinder for Postgres, a box for the object store; 12 x 13."""
    style = f'fill="none" stroke="{colour}" stroke-width="1.2"'
    if store == "postgres":
        return (
            f'<g {style}><ellipse cx="{x + 6:g}" cy="{y + 2.5:g}" rx="5.5" ry="2.2"/>'
            f'<path d="M{x + 0.5:g} {y + 2.5:g} v7.5 a5.5 2.2 0 0 0 11 0 v-7.5"/></g>'
        )
    return (
        f'<g {style}><path d="M{x + 0.5:g} {y + 3.5:g} l5.5 -3 l5.5 3 v6.5 l-5.5 3 l-5.5 -3 z"/>'
        f'<path d="M{x + 0.5:g} {y + 3.5:g} l5.5 3 l5.5 -3 M{x + 6:g} {y + 6.5:g} v6.5"/></g>'
    )


def _portal(width: float) -> Iterable[str]:
    x = width / 2 - BOX_WIDTH / 2
    yield (
        f'<rect x="{x:g}" y="14" width="{BOX_WIDTH}" height="32" rx="16" fill="#f8fafc" stroke="{LINE}" '
        'stroke-dasharray="4 3"/>'
    )
    yield _text(width / 2, 34, "portal (SODA API)", 12.5, INK, 600, "middle")


def _legend(height: float) -> Iterable[str]:
    y = height - 22
    x = GUTTER
    for store, words, step in (("objects", "object store", 110), ("postgres", "Postgres", 88)):
        yield _icon(store, x, y - 10, LINE)
        yield _text(x + 18, y, words, 11, QUIET)
        x += step
    yield _text(x, y, "5 \u2713  five asset checks", 11, QUIET)
    yield _text(x + 150, y, "every asset: one partition a week", 11, QUIET)
