"""Draw the pictures in this folder anew: the practice company's Bench, one answer approved and held.

python docs/img/draw.py      needs nothing but the installed project; leaves nothing running
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.live_session import LiveSession

HERE = Path(__file__).parent
SIZES = ((80, 24), (160, 48))
WAIT_S = 30.0
POLL_S = 0.05
READ_S = 0.7  # A row that came by itself is approved only after it could be read.


def quarterdeck(*words: str) -> None:
    command = [sys.executable, "-m", "quarterdeck_daemon.cli", *words]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


async def draw(workspace: Path, columns: int, rows: int) -> None:
    app = QuarterdeckApp(LiveSession(workspace))
    async with app.run_test(size=(columns, rows)) as pilot:
        async with asyncio.timeout(WAIT_S):
            while not app.data.approvals:
                await asyncio.sleep(POLL_S)
        await pilot.press("G")
        await asyncio.sleep(READ_S)
        await pilot.press("a")
        async with asyncio.timeout(WAIT_S):
            while not app.data.held:
                await asyncio.sleep(POLL_S)
        await pilot.press("g")
        await pilot.pause()
        picture = app.export_screenshot(title=f"quarterdeck {columns}x{rows}")
        (HERE / f"bench-{columns}x{rows}.svg").write_text(picture, "utf-8")
        await pilot.press("z")
        await pilot.pause()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "studio"
        quarterdeck("demo", str(workspace), "--no-tui")
        try:
            for columns, rows in SIZES:
                asyncio.run(draw(workspace, columns, rows))
        finally:
            quarterdeck("-w", str(workspace), "down")


if __name__ == "__main__":
    main()
