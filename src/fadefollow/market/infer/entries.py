"""Entries of a mapping: files of one form together, by a pattern that fits them and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fadefollow.market.infer.files import NO_COIN, InferredFile, with_reason
from fadefollow.market.infer.names import as_regex
from fadefollow.market.infer.reasons import LeftOut, doubt

_ORDER = ("perp", "spot", "mark", "index", "premium_index", "funding")


@dataclass(frozen=True)
class InferredEntry:
    """One `[[files]]` table to be: files that are mapped alike."""

    pattern: str
    files: tuple[InferredFile, ...]

    @property
    def like(self) -> InferredFile:
        """A file that stands for all of them."""
        return self.files[0]

    @property
    def coins(self) -> tuple[str, ...]:
        """The coins of all files, each once."""
        return tuple(dict.fromkeys(coin for file in self.files for coin in file.coins))


def with_spacing(files: Sequence[InferredFile], left: list[LeftOut]) -> list[InferredFile]:
    """Without files whose spacing is no size of bars; one of a single row has its neighbours'."""
    known = {(f.name.pattern, f.stream): f.time.step for f in files if f.is_bars and f.time.bar}
    kept = []
    for file in files:
        if file.is_bars and file.time.step is None:
            step = known.get((file.name.pattern, file.stream))
            file = replace(file, time=replace(file.time, step=step))
        if file.is_bars and file.time.bar is None:
            left.append(LeftOut(file.where, "its spacing is no size of bars"))
        else:
            kept.append(file)
    return kept


def without_nameless(files: Sequence[InferredFile], left: list[LeftOut]) -> list[InferredFile]:
    """Without files that name no coin where others beside them do, or where they are several."""
    nameless: dict[object, list[InferredFile]] = {}
    named = {(f.stream, _folder(f)) for f in files if "{coin}" in f.name.pattern}
    for file in files:
        if file.coins == (NO_COIN,):
            nameless.setdefault((file.stream, _folder(file)), []).append(file)
    gone = set[int]()
    for key, group in nameless.items():
        if key in named or len({file.form for file in group}) > 1:
            gone |= {id(file) for file in group}
            reason = "no coin in the name: rename the file, or write an entry with coin = ..."
            left += [LeftOut(file.where, reason) for file in group]
    return [file for file in files if id(file) not in gone]


def _folder(file: InferredFile) -> str:
    return file.where.rpartition("/")[0]


def without_doubles(files: Sequence[InferredFile], left: list[LeftOut]) -> list[InferredFile]:
    """Of several files that hold a coin's stream for the same time, those with most data."""
    groups: dict[tuple[str, str], dict[object, list[InferredFile]]] = {}
    for file in files:
        for coin in file.coins:
            groups.setdefault((coin, file.stream), {}).setdefault(file.form, []).append(file)
    kept = {id(file): replace(file, coins=()) for file in files}
    lost: dict[tuple[str, str, str], list[tuple[str, InferredFile, InferredFile]]] = {}
    for (coin, name), forms in groups.items():
        taken: list[InferredFile] = []
        for group in sorted(forms.values(), key=_data, reverse=True):
            hit = next((t for t in taken for file in group if _overlap(t, file)), None)
            if hit is None:
                taken += group
                continue
            key = (name, group[0].name.pattern, hit.name.pattern)
            lost.setdefault(key, []).extend((coin, file, hit) for file in group)
            if _data(group)[0] >= 0.9 * _data([f for f in taken if f.form == hit.form])[0]:
                text = f"{group[0].name.pattern} has as much data of it: check which is right"
                kept[id(hit)] = with_reason(kept[id(hit)], doubt(text))
        for file in taken:
            kept[id(file)] = replace(kept[id(file)], coins=(*kept[id(file)].coins, coin))
    left += [one for key, those in lost.items() for one in _lost(key, those)]
    return [file for file in kept.values() if file.coins]


def _lost(
    key: tuple[str, str, str], those: Sequence[tuple[str, InferredFile, InferredFile]]
) -> list[LeftOut]:
    """Which files are left out for others, those of one pattern together."""
    name, pattern, other = key
    coins = list(dict.fromkeys(coin for coin, _, _ in those))
    if len(coins) > 1:
        return [LeftOut(pattern, f"{', '.join(coins)} have their {name} from {other}")]
    return [
        LeftOut(file.where, f"{coin} has its {name} from {hit.where}") for coin, file, hit in those
    ]


def _data(files: Sequence[InferredFile]) -> tuple[float, int]:
    """How much a group of files holds: rows by their spacing, to a tenth, then bytes."""
    rows = 0.0
    for file in files:
        if file.time.first is not None and file.time.last is not None and file.time.step:
            rows += (file.time.last - file.time.first) / file.time.step / len(file.coins)
    return round(rows, -max(len(str(int(rows))) - 2, 0)), sum(file.size for file in files)


def _overlap(one: InferredFile, other: InferredFile) -> bool:
    a, b = one.time, other.time
    if a.first is None or a.last is None or b.first is None or b.last is None:
        return True
    if one.stream == "future" and one.name.expiry and other.name.expiry:
        return False  # contracts trade at the same time
    return bool(a.first <= b.last and b.first <= a.last)


def with_bars(files: Sequence[InferredFile], left: list[LeftOut]) -> list[InferredFile]:
    """Without coins that have neither perp nor spot, which an import refuses."""
    there = {c for file in files if file.stream in ("perp", "spot") for c in file.coins}
    kept, without = [], dict[tuple[str, str], dict[str, None]]()
    for file in files:
        coins = tuple(c for c in file.coins if c in there or c == NO_COIN)
        for coin in set(file.coins) - set(coins):
            without.setdefault((file.name.pattern, file.stream), {})[coin] = None
        if coins:
            kept.append(replace(file, coins=coins))
    for (pattern, _), lost in without.items():
        reason = f"no bars of {', '.join(sorted(lost))} to go with it"
        left.append(LeftOut(pattern, reason))
    return kept


def entries_of(files: Sequence[InferredFile], paths: Iterable[str]) -> list[InferredEntry]:
    """The entries that map these files and none of the other paths."""
    forms: dict[object, list[InferredFile]] = {}
    for file in files:
        forms.setdefault(file.form, []).append(file)
    every = tuple(paths)
    made = [entry for group in forms.values() for entry in _fitting(group, every)]
    place = {name: at for at, name in enumerate(_ORDER)}
    return sorted(made, key=lambda e: (place.get(e.like.stream, 99), e.like.stream, e.like.where))


def _fitting(files: Sequence[InferredFile], paths: tuple[str, ...]) -> list[InferredEntry]:
    """As few patterns as keep other files out, by more and more of what stands at the `*`."""
    pattern = files[0].name.pattern
    own = {file.where for file in files}
    stars = {file.where: _star(pattern, file.where) for file in files}

    def split(group: Sequence[InferredFile], start: str) -> list[InferredEntry]:
        at = pattern.rfind("*")
        rest = {stars[file.where] for file in group}
        whole = rest == {start} or at < 0
        narrow = pattern if at < 0 else pattern[:at] + start + "*" * (not whole) + pattern[at + 1 :]
        coins = {coin for file in group for coin in file.coins}
        if whole or _caught(narrow, coins, paths) <= own:
            return [InferredEntry(narrow, tuple(group))]
        parts: dict[str, list[InferredFile]] = {}
        for file in group:
            parts.setdefault(_longer(stars[file.where], start), []).append(file)
        return [entry for begin in sorted(parts) for entry in split(parts[begin], begin)]

    return split(files, "")


def _caught(pattern: str, coins: set[str], paths: tuple[str, ...]) -> set[str]:
    """Which paths an import would read by a pattern and a list of coins."""
    wanted = as_regex(pattern)
    names = re.findall(r"\{coin\}|\{expiry\}|\*", pattern)
    places = [at for at, name in enumerate(names, 1) if name == "{coin}"]
    found = {path: wanted.fullmatch(path) for path in paths}
    said = {path: {m[at] for at in places} for path, m in found.items() if m}
    return {path for path, names in said.items() if len(names) < 2 and names <= coins}


def _star(pattern: str, where: str) -> str:
    """What stands at the last `*`."""
    places = re.findall(r"\{coin\}|\{expiry\}|\*", pattern)
    found = as_regex(pattern).fullmatch(where)
    if found is None or "*" not in places:
        return ""
    return found[len(places) - places[::-1].index("*")]


def _longer(text: str, start: str) -> str:
    """A piece more of `text` than `start`: up to the next sign that is no digit, or two digits."""
    more = re.match(r"\d{4}|\d{1,2}|\D+", text[len(start) :])
    return start + (more[0] if more else "")
