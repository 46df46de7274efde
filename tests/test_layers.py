"""Rooms import downwards only, no modules import in a circle, and privacy ends at a room's door."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from tests.support.paths import ROOT

SRC = ROOT / "src"
#: from the top; a room imports only from those below it
ROOMS = [
    *("cli", "jobs", "reporting", "scanning", "results", "tuning"),
    *("workspace", "verdict", "engine", "phases", "market", "core"),
]
#: beside the rooms: the root, what every room may raise, and the contract of a signal
LOOSE = {"__init__", "__main__", "errors", "testing"}
#: the facade, which imports from every room and which no room imports
FACADE = "notebook"
MODULES = {
    ".".join(p.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): p
    for p in SRC.rglob("*.py")
}


def imports(path: Path) -> list[tuple[str, str]]:
    """What a module imports of the framework, lazily or not: (module, name)."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fadefollow"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.append((whole if whole in MODULES else str(node.module), alias.name))
        elif isinstance(node, ast.Import):
            found += [(a.name, "") for a in node.names if a.name.startswith("fadefollow")]
    return found


def room(module: str) -> str:
    return module.split(".")[1] if module.count(".") else "__init__"


def test_a_room_imports_only_from_rooms_below_it():
    up = [
        f"{module} imports {other}"
        for module, path in MODULES.items()
        for other, _ in imports(path)
        if room(module) in ROOMS and room(other) != "errors" and room(other) != room(module)
        if room(other) not in ROOMS or ROOMS.index(room(other)) < ROOMS.index(room(module))
    ]
    assert up == []


def test_no_modules_import_each_other_in_a_circle():
    arrows = {m: {o for o, _ in imports(p) if o != m} for m, p in MODULES.items()}
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


def test_private_names_stay_in_their_room():
    taken = [
        f"{module} takes {other}.{name}"
        for module, path in MODULES.items()
        for other, name in imports(path)
        if room(other) != room(module)
        and any(
            part.startswith("_") and part != "__version__" for part in (name, *other.split("."))
        )
    ]
    assert taken == []


def test_beside_the_rooms_lies_only_what_is_listed():
    assert {path.name for path in (SRC / "fadefollow").iterdir() if path.is_dir()} - {
        "__pycache__"
    } == {*ROOMS, FACADE}
    assert {path.stem for path in (SRC / "fadefollow").glob("*.py")} == LOOSE


def test_no_folder_holds_more_than_fifteen_modules():
    folders = {path.parent for path in MODULES.values()}
    counts = {
        str(folder.relative_to(SRC)): len([p for p in folder.glob("*.py") if p.stem != "__init__"])
        for folder in folders
    }
    assert {name: n for name, n in counts.items() if n > 15} == {}
