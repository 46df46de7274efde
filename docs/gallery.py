"""Runs the examples of the gallery in a scratch workspace and writes them and their outputs.

    python docs/gallery.py              # all, into docs/gallery.md
    python docs/gallery.py tuning scan  # only these

An example is a file in docs/examples/gallery/: a Python script, or commands of a shell, one a line.
Each has a block in docs/gallery.md that holds the file and what it printed; all else on that page
is written by hand. Times, what is named by them, and the folder's own path are taken out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE, EXAMPLES = HERE / "gallery.md", HERE / "examples" / "gallery"
#: in the order of the page; a later one may use what an earlier one made
NAMES = (
    "own_csv",
    "own_events",
    "holding_time",
    "hedged",
    "new_signal",
    "tuning",
    "scan",
    "comparing",
    "universe",
    "carry",
)
WIDTH = 92
#: two coins of the lab as files of one's own: what an exchange's download looks like
_CSV = """\
from pathlib import Path

import fadefollow as ff

folder = Path("csv")
folder.mkdir()
for market in ff.open_dataset("lab", symbols=["IBEX", "LARK"]).markets.values():
    for stream, columns in (
        ("perp", ["time", "open", "high", "low", "close", "volume"]),
        ("funding", ["time", "rate"]),
    ):
        table = market.table(stream)[columns]
        table.to_csv(folder / f"{stream}_{market.symbol}.csv", index=False)
"""
_STAMP, _SECONDS = re.compile(r"\d{8}T\d{6}Z"), re.compile(r"\bin \d+(\.\d+)? s\b")
#: the name of a comparison's page, made from the times of its runs
_COMPARISON = re.compile(r"\bcomparison-[0-9a-f]{10}\b")


def main() -> None:
    """All examples, or those that are named."""
    wanted = set(sys.argv[1:]) or set(NAMES)
    with tempfile.TemporaryDirectory() as made:
        workspace = prepared(Path(made).resolve())
        text = PAGE.read_text("utf-8")
        for name in NAMES:
            if name in wanted:
                printed = output(name, workspace)
                text = with_block(text, name, block(name, printed))
                PAGE.write_text(text, "utf-8")
                print(f"{name}: {len(printed.splitlines())} lines")


def prepared(root: Path) -> Path:
    """A new workspace in a folder, with the files of `csv/`."""
    workspace = root / "workspace"
    _run([sys.executable, "-m", "fadefollow", "init", "workspace"], root)
    _run([sys.executable, "-c", _CSV], workspace)
    return workspace


def source(name: str) -> Path:
    """The file of an example."""
    (found,) = EXAMPLES.glob(f"{name}.*")
    return found


def output(name: str, workspace: Path) -> str:
    """What an example prints; commands with what each of them prints.

    Raises:
        CalledProcessError: it failed; says what it printed.
    """
    path = source(name)
    if path.suffix == ".py":
        return plain(_run([sys.executable, str(path)], workspace), workspace)
    parts = []
    for command in path.read_text("utf-8").splitlines():
        parts.append(f"$ {command}\n{_run(['sh', '-c', command], workspace)}")
    return plain("\n".join(parts), workspace)


def plain(text: str, workspace: Path) -> str:
    """A text without the folder's own path, times and spaces at the ends of lines."""
    text = text.replace(f"{workspace}/", "").replace(str(workspace), ".")
    stamps = dict.fromkeys(_STAMP.findall(text))
    for number, stamp in enumerate(stamps):  # runs stay distinct
        text = text.replace(stamp, f"20260101T12{number:02}00Z")
    text = _COMPARISON.sub("comparison-…", _SECONDS.sub("in … s", text))
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def block(name: str, printed: str) -> str:
    """An example as it stands on the page."""
    path = source(name)
    if path.suffix == ".py":
        code = path.read_text("utf-8").strip()
        return f"```python\n{code}\n```\n\n```text\n{printed}```"
    return f"```console\n{printed}```"


def with_block(text: str, name: str, made: str) -> str:
    """The page with one block anew."""
    begin, end = f"<!-- example-{name}: written by docs/gallery.py -->\n", "\n<!-- end -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"docs/gallery.md has no block {begin.strip()}")
    return f"{before}{begin}{made}{end}{after}"


def _run(command: list[str], folder: Path) -> str:
    """What a command printed on standard output; `fadefollow` is this interpreter's."""
    tools = folder / ".tools"
    tools.mkdir(exist_ok=True)
    ours = tools / "fadefollow"
    ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fadefollow "$@"\n', "utf-8")
    ours.chmod(0o755)
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": str(WIDTH),
            "NO_COLOR": "1",
            "TERM": "dumb",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
    return done.stdout


if __name__ == "__main__":
    main()
