"""Cards as templates want them: checked part by part, charts as the corners of their lines. It must not know HTML.

The sidecar has checked every card; somebody else may have written the key. So whatever is no part of a card is left out, and
nothing raises.
"""

import math
import re
import sys

from .contract import STATUSES, moment

# As the card's schema has them.
LINK = re.compile(r"^(https?://[^\s\x00-\x20\x7f/?#]|mailto:[^\s\x00-\x20\x7f])[^\s\x00-\x20\x7f]*\Z")
MAX_LINK = 2000
MAX_PARTS = 200
MAX_ROWS = 1000
MAX_FIGURES = 20

WIDTH, HEIGHT = 480.0, 140.0
LEFT, BELOW, TOP = 52.0, 18.0, 8.0
COLOURS = 6
MAX_FLOAT = sys.float_info.max


def link(value):
    """The address, if it is one that may be followed; else an empty text."""
    return value if isinstance(value, str) and len(value) <= MAX_LINK and LINK.match(value) else ""


def status(value):
    """One of the words for how something is; else an empty text."""
    return value if value in STATUSES else ""


def text(value):
    """The value, if it is a text; else an empty one."""
    return value if isinstance(value, str) else ""


def scalar(value):
    """A cell's or field's value as people read it; none where it is not known."""
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, (int, float)):
        return number(value)
    return value if isinstance(value, str) else None


def number(value):
    """A number without what the computer added."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _dicts(value, most):
    return [part for part in value[:most] if isinstance(part, dict)] if isinstance(value, list) else []


def card(content):
    """The card as a dictionary for the template; none where the content is no card."""
    if not isinstance(content, dict) or not text(content.get("title")):
        return None
    return {
        "title": content["title"],
        "status": status(content.get("status")),
        "summary": text(content.get("summary")),
        "badges": [
            {"text": part["text"], "status": status(part.get("status"))}
            for part in _dicts(content.get("badges"), MAX_PARTS)
            if text(part.get("text"))
        ],
        "fields": [
            {
                "label": part["label"],
                "value": scalar(part.get("value")),
                "unit": text(part.get("unit")),
                "link": link(part.get("link")),
                "status": status(part.get("status")),
            }
            for part in _dicts(content.get("fields"), MAX_PARTS)
            if text(part.get("label"))
        ],
        "tables": [table for table in map(_table, _dicts(content.get("tables"), MAX_FIGURES)) if table],
        "charts": [chart for chart in map(_chart, _dicts(content.get("charts"), MAX_FIGURES)) if chart],
        "timeline": [
            {
                "at": moment(part.get("at")),
                "text": part["text"],
                "status": status(part.get("status")),
                "link": link(part.get("link")),
            }
            for part in _dicts(content.get("timeline"), MAX_PARTS)
            if text(part.get("text"))
        ],
        "links": [
            {"label": part["label"], "url": part["url"]}
            for part in _dicts(content.get("links"), MAX_PARTS)
            if text(part.get("label")) and link(part.get("url"))
        ],
    }


def _table(part):
    columns = part.get("columns")
    rows = part.get("rows")
    if not isinstance(columns, list) or not columns or not isinstance(rows, list):
        return None
    rows = [row for row in rows[:MAX_ROWS] if isinstance(row, list) and len(row) == len(columns)]

    def is_number(at):
        known = [row[at] for row in rows if row[at] is not None]
        return bool(known) and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in known)

    numbers = [is_number(at) for at in range(len(columns))]
    return {
        "title": text(part.get("title")),
        "columns": [{"text": text(name), "is_number": right} for name, right in zip(columns, numbers)],
        "rows": [[{"text": scalar(c), "is_number": right} for c, right in zip(row, numbers)] for row in rows],
    }


def _chart(part):
    labels = part.get("labels")
    if not isinstance(labels, list) or not labels or len(labels) > 1000:
        return None
    kind = "bar" if part.get("kind") == "bar" else "line"
    series = []
    for one in _dicts(part.get("series"), MAX_FIGURES):
        values = one.get("values")
        if isinstance(values, list) and len(values) == len(labels):
            series.append((text(one.get("label")), [_finite(value) for value in values]))
    known = [value for _, values in series for value in values if value is not None]
    if not series:
        return None
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if kind == "bar":
        # Bars begin at zero, else their lengths would lie.
        low, high = min(low, 0.0), max(high, 0.0)
    if high / 2 - low / 2 <= 1e-12 * abs(high):
        # A number so large that one more is the same still has a room around it.
        room = max(1.0, abs(high) * 0.01)
        low, high = max(low - room, -MAX_FLOAT), min(high + room, MAX_FLOAT)
    step = (WIDTH - LEFT) / len(labels)

    def y(value):
        # Halves, as the whole range may be beyond what a float can hold.
        return HEIGHT - BELOW - (value / 2 - low / 2) / (high / 2 - low / 2) * (HEIGHT - BELOW - TOP)

    unit = text(part.get("unit"))
    drawn = []
    for at, (label, values) in enumerate(series):
        last = next((value for value in reversed(values) if value is not None), None)
        shown = "" if last is None else number(last) + ("\u00a0" + unit if unit else "")
        one = {"label": label, "colour": at % COLOURS, "last": shown, "lines": [], "dots": [], "bars": []}
        if kind == "bar":
            width = step * 0.8 / len(series)
            for i, value in enumerate(values):
                if value is not None:
                    top, zero = y(max(value, 0.0)), y(min(value, 0.0))
                    left = LEFT + step * i + step * 0.1 + width * at
                    one["bars"].append(
                        {"x": _px(left), "y": _px(top), "w": _px(max(width, 0.5)), "h": _px(max(zero - top, 0.5))}
                    )
        else:
            for run in _runs(values):
                points = [(LEFT + step * (i + 0.5), y(value)) for i, value in run]
                if len(points) == 1:
                    one["dots"].append({"x": _px(points[0][0]), "y": _px(points[0][1])})
                else:
                    one["lines"].append(" ".join("%s,%s" % (_px(px), _px(py)) for px, py in points))
        drawn.append(one)
    return {
        "title": text(part.get("title")),
        "low": number(low) + ("\u00a0" + unit if unit else ""),
        "high": number(high) + ("\u00a0" + unit if unit else ""),
        "first": text(labels[0]),
        "end": text(labels[-1]) if len(labels) > 1 else "",
        "series": drawn,
    }


def _runs(values):
    """Values side by side, with their places: a gap ends a line."""
    run = []
    for at, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((at, value))
    if run:
        yield run


def _finite(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _px(value):
    return "%.1f" % value
