"""Small tables and cards for notebooks: HTML that needs no style sheet and no script.

Whatever is put in is text and stays text, unless one of these functions made it. All styles are
inline, as some viewers of notebooks strip style sheets; where they strip inline styles too, plain
tables remain. Colours are the page's own, so that light and dark themes both work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from markupsafe import Markup

from fadefollow.core.text import whole
from fadefollow.reporting.text.answers import FATES
from fadefollow.verdict.words import Fate

#: a table shows at most so many rows unless told otherwise
MOST_ROWS = 12
#: longer cells go over several lines
_WRAPPED = 40

_RULE = "rgba(128,128,128,.4)"
_FADED = "opacity:.78"
_TABLE = "border-collapse:collapse;margin:.4em 0;font-variant-numeric:tabular-nums"
#: by fate of a claim, dark enough for white letters, whatever lies around
_CHIPS = {
    "supported": "#08775a",
    "fade": "#b54d08",
    "follow": "#0a5c96",
    "refuted": "#9a2c2c",
    "neither": "#9a2c2c",
}
_QUIET = "#686055"


def card(title: str, *parts: str) -> str:
    """A title with what belongs to it below; empty parts are left out.

    Args:
        title: one line, text or markup.
        parts: made by the functions of this module, or text, which becomes a line.
    """
    head = Markup('<div style="font-weight:600;font-size:1.1em">{}</div>').format(title)
    body = Markup("").join(p if isinstance(p, Markup) else line(p) for p in parts if p)
    whole_card = Markup('<div style="line-height:1.45;max-width:80em">{}{}</div>')
    return str(whole_card.format(head, body))  # plain, as markup escapes what is added to it


def line(text: str, *, faded: bool = False) -> Markup:
    """A line of text; `faded` for what is only said in passing."""
    style = _FADED if faded else ""
    return Markup('<div style="margin:.3em 0;{}">{}</div>').format(style, text)


def chip(fate: Fate) -> Markup:
    """The fate of a claim in its colour."""
    style = f"background:{_CHIPS.get(fate, _QUIET)};color:#fff;border-radius:.3em;padding:0 .5em"
    return Markup('<span style="{};white-space:nowrap">{}</span>').format(style, FATES[fate])


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    caption: str = "",
    most: int = MOST_ROWS,
    rest: str = "rows",
    rest_in: str = "",
) -> Markup:
    """A table whose first column heads its rows; a long one is cut, and says so.

    Args:
        head: names of the columns.
        rows: as many cells each.
        left: columns of text, by number; all others hold numbers and are set to the right.
        caption: one line above it.
        most: rows that are shown.
        rest: what the rows are called where some are left out.
        rest_in: where a reader finds all of them, e.g. `"phases.table"`.
    """
    sides = ["left" if number in left else "right" for number in range(len(head))]
    top = _row([_cell("th", name, side, "col") for name, side in zip(head, sides, strict=True)])
    shown = Markup("").join(
        _row(
            _cell("td" if number else "th", cell, side, "" if number else "row")
            for number, (cell, side) in enumerate(zip(row, sides, strict=True))
        )
        for row in rows[:most]
    )
    said = Markup('<caption style="text-align:left;{}">{}</caption>').format(_FADED, caption)
    made = Markup(
        '<div style="overflow-x:auto"><table style="{}">'
        "{}<thead>{}</thead><tbody>{}</tbody></table></div>"
    ).format(_TABLE, said if caption else "", top, shown)
    return made + _left_out(len(rows) - most, rest, rest_in)


def _left_out(number: int, rest: str, where: str) -> Markup:
    if number <= 0:
        return Markup("")
    all_of = f"; all of them: {where}" if where else ""
    return line(f"… and {whole(number)} more {rest}{all_of}", faded=True)


def _row(cells: Iterable[Markup]) -> Markup:
    rule = f"border-top:1px solid {_RULE}"
    return Markup('<tr style="{};background:none">{}</tr>').format(rule, Markup("").join(cells))


def _cell(tag: str, text: str, side: str, scope: str) -> Markup:
    style = f"text-align:{side};padding:.15em .7em"
    if scope:
        style += f";font-weight:{600 if scope == 'col' else 400}"
    if len(text) <= _WRAPPED and scope != "col":
        style += ";white-space:nowrap"
    head = Markup(' scope="{}"').format(scope) if scope else Markup("")
    return Markup('<{0}{1} style="{2}">{3}</{0}>').format(Markup(tag), head, style, text)
