"""The verdicts of a run as answers: in order, in sentences, and as rows of a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.charts.forest import Forest, ForestRow, forest
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.answers import (
    BOOKS,
    CLAIMS,
    FATE_ORDER,
    FATES,
    blocks_text,
    books_of,
    evidence_rank,
    fate_text,
    needed_blocks,
    other_book,
    read_from,
    settle_text,
    settled_by,
)
from fadefollow.reporting.text.metrics import (
    Column,
    Metric,
    columns,
    interval_cell,
    metrics,
    reason,
)
from fadefollow.reporting.text.sentences import POSITIONS, Sentence, Truth, sentence, truth
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict

#: with more answers than this, only the pages of those whose claim holds are printed
FEW_ANSWERS = 6
#: fates whose page is printed, however many there are
_TOLD = ("supported", "fade", "follow")


@dataclass(frozen=True)
class StanceCell:
    """One stance in one book as the table shows it."""

    stance: Stance
    word: str
    mean: text.Cell  #: net a trade, bps without the unit
    interval: str  #: that the word is read from; empty where there is none
    result: StanceResult | NotTraded


@dataclass(frozen=True)
class BookLine:
    """One book of an answer: a line in its row of the table."""

    book: BookName
    label: str
    cells: tuple[StanceCell, ...]  #: fade and follow
    blocks: text.Cell  #: `32 × 7 d`, of the claimed stance
    detectable: text.Cell  #: likewise, bps


@dataclass(frozen=True)
class Row:
    """What the table of answers sorts and filters by; empty where there is no number."""

    instrument: str
    events: int
    trades: str  #: the larger of both stances
    trades_shown: str
    fade: str  #: mean net return, bps, in the book that speaks
    follow: str
    blocks: str  #: of the claimed stance in the book that speaks
    detectable: str  #: smallest of both books, bps
    rank: int  #: by fate, as in FATE_ORDER
    settle: str  #: times this history that would decide it; 0 of a decided one
    planted: str

    @property
    def traded(self) -> bool:
        """Whether any stance has a trade."""
        return self.trades not in {"", "0"}


@dataclass(frozen=True)
class Answer:
    """One verdict, ready to be laid out."""

    number: int  #: 1, 2, ... in the order shown
    verdict: Verdict
    strategy: str  #: its title
    title: str
    about: str  #: what the phase is in about five words; empty of earlier versions
    again: bool  #: whether another strategy trades the same phase
    claim: str
    fate: str  #: of the row, in a word or two
    fates: str  #: which book speaks and what the other says
    apart: str  #: what the book says that does not decide, where it says something else
    brief: tuple[str, str]  #: what decides it, or would; and what is wrong with an open one
    sentence: Sentence
    settle: str  #: what would settle it; empty where it is decided
    truth: Truth | None
    forest: tuple[ForestRow, ...]
    columns: tuple[Column, ...]  #: of `metrics`
    metrics: tuple[Metric, ...]
    differences: tuple[tuple[str, text.Cell], ...]  #: of follow − fade, by book
    lines: tuple[BookLine, ...]
    unhedged: str  #: why there is no hedged book; empty where there is one
    row: Row

    @property
    def decided(self) -> bool:
        """Whether it says more than that the sample cannot tell."""
        return self.verdict.fate not in ("open", "untestable")

    @property
    def told(self) -> bool:
        """Whether its page is printed however many answers there are."""
        return self.verdict.fate in _TOLD


def answers_of(run: RunResult) -> tuple[tuple[Answer, ...], Forest]:
    """All answers in the order shown, and the scale that their small charts share."""
    verdicts = ordered(run.verdicts)
    scale = forest(verdicts)
    table = _Table(
        needed_blocks(run.verdicts),
        books_of(run.verdicts),
        Counter((v.signal, v.phase) for v in run.verdicts),
    )
    pairs = enumerate(zip(verdicts, scale.rows, strict=True), start=1)
    return tuple(_answer(run, v, row, number, table) for number, (v, row) in pairs), scale


def ordered(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """By evidence: decided claims first, the surest at the top, then the nearest to an answer.

    What cannot be tested comes last.
    """
    return tuple(sorted(verdicts, key=evidence_rank))


@dataclass(frozen=True)
class _Table:
    """What the rows of the table share."""

    needed: float  #: blocks that may decide
    books: tuple[BookName, ...]
    often: Mapping[tuple[str, str], int]  #: signal and phase → rows


def title_of(run: RunResult, strategy: str) -> str:
    """What a reader calls a strategy."""
    return str(run.strategies.get(strategy, {}).get("title") or text.titled(strategy))


def instrument_of(run: RunResult, strategy: str) -> str:
    """What a strategy trades: perp, spot, future or carry."""
    trade = run.strategies.get(strategy, {}).get("trade", {})
    return str(trade.get("instrument", "perp")) if isinstance(trade, Mapping) else "perp"


def _rank(verdict: Verdict) -> int:
    return FATE_ORDER.index(verdict.fate)


def _answer(
    run: RunResult, verdict: Verdict, drawn: tuple[ForestRow, ...], number: int, table: _Table
) -> Answer:
    small = reason(verdict.fade) if isinstance(verdict.fade, NotTraded) else reason(verdict.follow)
    instrument = instrument_of(run, verdict.strategy)
    apart = {
        "outright": verdict.difference_ci_bps,
        "hedged": verdict.hedged_difference_ci_bps,
    }
    lines = tuple(_line(verdict, book, table.needed) for book in table.books)
    said = run.strategies.get(verdict.strategy, {}).get("phase_about", {})
    return Answer(
        number=number,
        verdict=verdict,
        strategy=title_of(run, verdict.strategy),
        title=text.titled(verdict.phase),
        about=str(said.get(verdict.phase, "")),
        again=table.often[verdict.signal, verdict.phase] > 1,
        claim=CLAIMS[verdict.claim],
        fate=FATES[verdict.fate],
        fates=fate_text(verdict),
        apart=other_book(verdict),
        brief=settled_by(verdict),
        sentence=sentence(verdict),
        settle=_settle(verdict),
        truth=truth(verdict, instrument),
        forest=drawn,
        columns=columns(verdict),
        metrics=metrics(verdict, needed=table.needed),
        differences=tuple(
            (BOOKS[book], interval_cell(apart[book], why=small)) for book in books_of([verdict])
        ),
        lines=lines,
        unhedged=_unhedged(verdict),
        row=_row(verdict, POSITIONS.get(instrument, instrument), lines),
    )


def _settle(verdict: Verdict) -> str:
    """What would settle it; of a run of the first schema what it said of the row as well."""
    if verdict.fate not in ("open", "untestable"):
        return ""
    said = verdict.reason.detail if verdict.fate == "open" else ""
    return "; ".join(filter(None, (said, settle_text(verdict.settle))))


def _unhedged(verdict: Verdict) -> str:
    if any(book == "hedged" for _, book in verdict.results):
        return ""
    found = (verdict.result(stance, "hedged") for stance in STANCES)
    reasons = {one.reason: None for one in found if isinstance(one, NotTraded) and one.reason}
    return "; ".join(reasons)


def _line(verdict: Verdict, book: BookName, needed: float) -> BookLine:
    asked = _asked(verdict, book)
    blocks = min(asked, key=lambda s: s.blocks, default=None)
    seen = [s.detectable_bps for s in asked if math.isfinite(s.detectable_bps)]
    why = reason(verdict.result("fade" if verdict.claim == "disputed" else verdict.claim, book))
    shown = "" if blocks is None else blocks_text(blocks.blocks, needed, blocks.block_days)
    return BookLine(
        book=book,
        label=BOOKS[book],
        cells=tuple(_cell(stance, verdict.result(stance, book)) for stance in STANCES),
        blocks=text.Cell(text.DASH, why) if shown in ("", text.DASH) else text.Cell(shown),
        detectable=text.cell(
            lambda x: text.plain_bps(x, sign=False), min(seen, default=math.nan), why=why
        ),
    )


def _asked(verdict: Verdict, book: BookName) -> list[StanceResult]:
    """The claimed stances as traded in a book."""
    asked = STANCES if verdict.claim == "disputed" else (verdict.claim,)
    return [one for (s, b), one in verdict.results.items() if s in asked and b == book]


def _cell(stance: Stance, result: StanceResult | NotTraded) -> StanceCell:
    if isinstance(result, NotTraded):
        return StanceCell(stance, "", text.Cell(text.DASH, reason(result)), "", result)
    shown = text.interval(read_from(result))
    return StanceCell(
        stance,
        result.word,
        text.cell(text.plain_bps, result.mean_net_bps, why=reason(result)),
        "" if text.DASH in shown else shown,
        result,
    )


def _row(verdict: Verdict, instrument: str, lines: tuple[BookLine, ...]) -> Row:
    speaks = verdict.fates.book or "outright"
    traded = verdict.results
    counts = [one.n_trades for one in traded.values()]
    numbers = dict.fromkeys(
        text.fixed(one.n_trades) for (_, book), one in traded.items() if book == "outright"
    )
    asked = _asked(verdict, speaks)
    seen = [s.detectable_bps for line in lines for s in _asked(verdict, line.book)]
    return Row(
        instrument=instrument,
        events=verdict.n_phases,
        trades=str(max(counts)) if counts else "",
        trades_shown=" / ".join(numbers) or text.DASH,
        fade=_key(_mean(verdict, "fade", speaks)),
        follow=_key(_mean(verdict, "follow", speaks)),
        blocks=_key(min((s.blocks for s in asked), default=math.nan)),
        detectable=_key(min((x for x in seen if math.isfinite(x)), default=math.nan)),
        rank=_rank(verdict),
        settle=_key(_multiple(verdict)),
        planted=_key(verdict.planted_bps),
    )


def _multiple(verdict: Verdict) -> float:
    """Times this history that would decide a row; 0 where it is decided."""
    if verdict.fate != "open":
        return 0.0
    return math.nan if verdict.settle is None else verdict.settle.multiple


def _mean(verdict: Verdict, stance: Stance, book: BookName) -> float:
    one = verdict.results.get((stance, book))
    return math.nan if one is None else one.mean_net_bps


def _key(value: float | None) -> str:
    """A number that a script sorts by; empty where there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"
