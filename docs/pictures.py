"""Makes the README's pictures: the first screen of a report, in the light theme.

    python docs/pictures.py --default RUN --real RUN

RUN is the folder of a stored run, whose report is rendered anew before: of the default data set,
and of `binance_history`. Each option alone makes its picture alone. Needs Chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser

HERE = Path(__file__).resolve().parent
#: by option, the picture
PICTURES = {"default": "report.png", "real": "report_binance_history.png"}
SIZE = (1440, 1000)


def main() -> None:
    """The pictures of the runs that are given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in PICTURES:
        parser.add_argument(f"--{name}", type=Path, metavar="RUN")
    given = {name: run for name, run in vars(parser.parse_args()).items() if run is not None}
    if not given:
        parser.error("give --default, --real or both")
    sys.path.insert(0, str(HERE.parent))  # the repository's tests know how to start a browser
    from tests.support.browsing import launched

    with launched() as browser:
        for name, run in given.items():
            folder = run.resolve()
            again = [sys.executable, "-m", "fadefollow", "report", str(folder)]
            subprocess.run(again, cwd=folder, check=True, capture_output=True)
            out = HERE / "images" / PICTURES[name]
            picture(browser, folder / "report.html", out)
            print(f"{out.relative_to(HERE.parent)}: {out.stat().st_size / 1e3:.0f} kB")


def picture(browser: Browser, report: Path, out: Path) -> None:
    """The first screen of a report as a PNG.

    Raises:
        RuntimeError: the page complained.
    """
    width, height = SIZE
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light",
        reduced_motion="reduce",
        offline=True,
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(500)
    page.screenshot(path=out)
    context.close()
    if said:
        raise RuntimeError(f"{report}: {said}")


if __name__ == "__main__":
    main()
