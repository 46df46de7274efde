"""Runs the example notebooks from top to bottom and stores their outputs.

    python docs/notebooks/execute.py                  # all, each in a workspace of its own
    python docs/notebooks/execute.py NOTEBOOK …       # only these
    python docs/notebooks/execute.py NOTEBOOK --out FILE  # leaves it alone and writes a copy

Needs nbclient and ipykernel: `pip install -e '.[notebook]'`. The kernel is the interpreter that
runs this script; nothing of the machine's Jupyter settings is read, and nothing is written but the
result.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))
#: for the kernel to start, and for a cell, in seconds
PATIENCE = 120


def main() -> None:
    """Execute, and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=NOTEBOOKS)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.out is not None and len(asked.notebooks) != 1:
        parser.error("--out takes one notebook")
    paths = [path.resolve() for path in asked.notebooks]
    with tempfile.TemporaryDirectory() as made:
        # before anything of Jupyter is imported
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            os.environ[name] = str(Path(made, name.lower()))
        for name in ("PYTHONSTARTUP", "MPLBACKEND"):
            os.environ.pop(name, None)
        os.environ |= {"JUPYTER_NO_CONFIG": "1", "NO_COLOR": "1"}
        for number, path in enumerate(paths):
            executed = execute(path, Path(made, f"workspace_{number}"))
            (asked.out or path).write_text(executed, "utf-8")


def execute(path: Path, workspace: Path) -> str:
    """The notebook with its outputs, as the text of a file.

    Args:
        path: of the notebook.
        workspace: a folder that does not exist; the stock workspace is made there.
    """
    import nbformat
    from ipykernel.kernelspec import make_ipkernel_cmd
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from traitlets import default

    from fadefollow.workspace import init_workspace

    class ThisPython(KernelSpecManager):
        """Every kernel is the interpreter that runs this."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=make_ipkernel_cmd(executable=sys.executable), name=kernel_name)

    class Manager(AsyncKernelManager):
        @default("kernel_spec_manager")
        def _this_python(self) -> KernelSpecManager:
            return ThisPython()

    init_workspace(workspace)
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        kernel_manager_class=Manager,
        timeout=PATIENCE,
        startup_timeout=PATIENCE,
        record_timing=False,
        resources={"metadata": {"path": str(workspace)}},
    )
    client.execute()
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in book.cells:
        cell.metadata.pop("execution", None)
    return plain(nbformat.writes(book) + "\n")


def plain(text: str) -> str:
    """The same without what differs from time to time though nothing has changed."""
    text = re.sub(r"<div id=\\\"[0-9a-f-]{36}\\\">", "<div>", text)
    return re.sub(r"\b0x[0-9a-f]{6,}\b", "0x0", text)


if __name__ == "__main__":
    main()
