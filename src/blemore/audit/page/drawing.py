"""Where the boxes of the folded chain stand: two drawings, columns for a desk and bands one below another for a phone.

Units are px of a drawing that is shown at about its own size.
"""

from dataclasses import dataclass, field

from blemore.audit.page.chain import ENCODERS, REUSED, Block, Box, Chain
from joblineage.verdict import WORST_FIRST

HIGH, GAP, PAD, TITLE = 26, 5, 7, 20
"""Height of a box, space between boxes, space inside a block, height of its title."""
STEP = 19
"""Space between columns."""
LETTER = 6.0
"""Width of a letter of the labels."""


@dataclass(frozen=True)
class Place:
    """A box in the drawing. records : ids; node : number that the page's records are found by."""

    x: float
    y: float
    width: float
    label: str
    title: str
    state: str
    node: int


@dataclass(frozen=True)
class Frame:
    """A block's outline with its title, and the names of its rows with their places."""

    x: float
    y: float
    width: float
    height: float
    title: str
    names: list[tuple[float, float, str]]


@dataclass
class Drawing:
    """width, height; frames; places; paths: the joins, as SVG path data."""

    width: float
    height: float
    frames: dict[str, Frame] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def nodes(chain: Chain) -> dict[int, tuple[str, Box]]:
    """{number: (where it stands: step and row, box)} in the drawing's order."""
    flat = [
        (f"{block.name}: {row}" if row else block.name, box)
        for block in chain.blocks.values()
        for row, boxes in block.rows.items()
        for box in boxes
    ]
    return dict(enumerate(flat))


def state(chain: Chain, box: Box) -> str:
    """The worst state of a box's jobs; reused only where all of them are."""
    found = {chain.states[name] for name in box.records}
    order = [*(verdict.value for verdict in WORST_FIRST[:-1]), "below", "executed", REUSED]
    return next(one for one in order if one in found)


def columns(chain: Chain) -> Drawing:
    """One column per rank, from left to right."""
    ranks: dict[int, list[Block]] = {}
    for block in chain.blocks.values():
        ranks.setdefault(block.rank, []).append(block)
    drawing, x, sizes = Drawing(0, 0), 2.0, {name: _size(block, None) for name, block in chain.blocks.items()}
    tallest = max(sum(sizes[one.name][1] + 22 for one in blocks) - 22 for blocks in ranks.values())
    for _, blocks in sorted(ranks.items()):
        wide = max(sizes[one.name][0] for one in blocks)
        y = 2 + (tallest - sum(sizes[one.name][1] + 22 for one in blocks) + 22) / 2
        for block in blocks:
            _draw(chain, drawing, block, x, y, wide, None)
            y += sizes[block.name][1] + 22
        x += wide + STEP
    drawing.width, drawing.height = x - STEP + 2, tallest + 4
    for one, other in chain.joins:
        a, b = drawing.frames[one], drawing.frames[other]
        start = (a.x + a.width, _within(b.y + b.height / 2, a))
        end = (b.x - 5, _within(a.y + a.height / 2, b))
        bend = max(8.0, min(30.0, (end[0] - start[0]) / 2))
        drawing.paths.append(
            f"M{start[0]:.1f} {start[1]:.1f}C{start[0] + bend:.1f} {start[1]:.1f} "
            f"{end[0] - bend:.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
        )
    return drawing


def bands(chain: Chain, width: float = 344) -> Drawing:
    """One band per block, from top to bottom; a join that passes over bands runs down the left side."""
    drawing, y, left = Drawing(width, 0), 2.0, 26.0
    for block in sorted(chain.blocks.values(), key=lambda one: one.rank):
        _draw(chain, drawing, block, left, y, width - left - 2, width - left - 2)
        y += drawing.frames[block.name].height + 22
    drawing.height = y - 20
    order = list(drawing.frames)
    lanes = 0
    for one, other in chain.joins:
        a, b = drawing.frames[one], drawing.frames[other]
        if order.index(other) == order.index(one) + 1:
            middle = a.x + a.width / 2
            drawing.paths.append(f"M{middle:.1f} {a.y + a.height:.1f}L{middle:.1f} {b.y - 5:.1f}")
        else:
            lane, lanes = 20 - 6 * (lanes % 3), lanes + 1
            top, end = a.y + a.height - 10, b.y + 12
            drawing.paths.append(
                f"M{a.x:.1f} {top:.1f}Q{lane} {top:.1f} {lane} {top + 8:.1f}L{lane} {end - 8:.1f}Q{lane} {end:.1f} {b.x - 5:.1f} {end:.1f}"
            )
    return drawing


def _within(y: float, frame: Frame) -> float:
    """The height on the frame's side that is nearest to `y`."""
    return min(max(y, frame.y + TITLE), frame.y + frame.height - PAD)


def _wide(label: str) -> float:
    return 20.0 if label.startswith("fold ") else round(len(label) * LETTER + 9, 1)


def _rows(block: Block, width: float | None) -> list[tuple[str, list[list[tuple[Box, float]]]]]:
    """Per row its lines of (box, width): an encoder's cells in one line where they fit, other boxes one below another."""
    rows = []
    for name, boxes in block.rows.items():
        if block.name == ENCODERS or width is not None:
            lines: list[list[tuple[Box, float]]] = [[]]
            used = 0.0
            for box in boxes:
                wide = _wide(_label(box))
                if width is not None and lines[-1] and used + wide > width - 2 * PAD:
                    lines.append([])
                    used = 0.0
                lines[-1].append((box, wide))
                used += wide + GAP
        else:
            lines = [[(box, _wide(_label(box)))] for box in boxes]
        rows.append((name, lines))
    return rows


def _label(box: Box) -> str:
    return f"{box.label} ×{len(box.records)}" if len(box.records) > 1 else box.label


def _name_width(block: Block) -> float:
    return max(len(name) for name in block.rows) * LETTER + 10 if block.name == ENCODERS else 0.0


def _size(block: Block, width: float | None) -> tuple[float, float]:
    """Width and height that a block takes in columns."""
    rows = _rows(block, width)
    inner = max(sum(wide + GAP for _, wide in line) - GAP for _, lines in rows for line in lines)
    lines = sum(len(lines) for _, lines in rows)
    title = len(block.name) * 7 + 2 * PAD
    return max(inner + _name_width(block) + 2 * PAD, title), TITLE + lines * (HIGH + GAP) - GAP + 2 * PAD


def _draw(chain: Chain, drawing: Drawing, block: Block, x: float, y: float, wide: float, fit: float | None) -> None:
    """Add a block at (x, y). fit : width to break lines at; None sets encoders' names beside their cells."""
    numbers = {id(box): number for number, (_, box) in nodes(chain).items()}
    names, top = [], y + TITLE + PAD
    for name, lines in _rows(block, fit):
        if name and fit is not None:
            names.append((x + PAD, top + 12, name))
            top += 18
        elif name:
            names.append((x + PAD, top + HIGH / 2 + 4, name))
        for line in lines:
            left = x + PAD + (_name_width(block) if fit is None else 0)
            for box, width in line:
                if block.name != ENCODERS and fit is None:
                    width = wide - 2 * PAD
                label = box.label.removeprefix("fold ") if block.name == ENCODERS else _label(box)
                said = state(chain, box)
                where = f"{block.name}, {name}" if name else block.name
                title = f"{where}, {_label(box)}: {said}"
                drawing.places.append(Place(left, top, width, label, title, said, numbers[id(box)]))
                left += width + GAP
            top += HIGH + GAP
    drawing.frames[block.name] = Frame(x, y, wide, top - GAP + PAD - y, block.name, names)
