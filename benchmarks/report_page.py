"""How soon a report page is ready, and how fluently it moves, in headless Chromium.

    python benchmarks/report_page.py                 20 × 4 with maps, 200 × 200, 1000 × 1000
    python benchmarks/report_page.py --dark --repeat 5

Pages are opened from disk. *Ready* is the time from the start of navigation until the heatmap is drawn, *open* that
from a click on a cell until its slices and voxels are drawn; both are medians. *Frames* are pictures a second while
the magnified matrix is dragged, and the longest time between two of them; the browser draws at most 60 a second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

BROWSER = Path(__file__).resolve().parents[1] / "tests" / "webpage" / "browser"
sys.path.insert(0, str(BROWSER))

import chromium  # noqa: E402  (these and those below: found by the path just added)
import page_payloads  # noqa: E402

import niicorr as nc  # noqa: E402
from niicorr.datasets.demo import write_demo_data  # noqa: E402
from niicorr.webpage.page import page_html  # noqa: E402

DRAG = """
  const [seconds, done] = arguments, frame = document.getElementById("heatmap");
  for (let i = 0; i < 4; i++) document.getElementById("zoom-in").click();
  const box = frame.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + 300;
  const send = (type, dx, dy) => frame.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, pointerType: "mouse", button: 0, buttons: 1, clientX: x + dx, clientY: y + dy, bubbles: true }));
  const times = [];
  send("pointerdown", 0, 0);
  const step = (now) => {
    times.push(now);
    const t = (now - times[0]) / 1000;
    send("pointermove", 180 * Math.sin(3 * t), 140 * Math.cos(2 * t));
    if (t < seconds) requestAnimationFrame(step);
    else {
      send("pointerup", 0, 0);
      const gaps = times.slice(1).map((v, i) => v - times[i]);
      done([gaps.length / ((times.at(-1) - times[0]) / 1000), Math.max(...gaps)]);
    }
  };
  requestAnimationFrame(step);
"""

OPEN = """
  const done = arguments[0], start = performance.now();
  location.hash = "#exp-04_reward/dopamine_D2";
  const look = () => requestAnimationFrame(() => {
    if (document.querySelector(".readout")?.textContent) done(performance.now() - start);
    else look();
  });
  look();
"""


def pages(folder: str) -> dict[str, Path]:
    """Write the pages; the first has maps."""
    made = {"20 × 4 with maps": Path(folder, "demo.html")}
    x, y = write_demo_data(os.path.join(folder, "data"))
    nc.report(nc.correlate(x, y), made["20 × 4 with maps"])
    for side in (200, 1000):
        name = f"{side} × {side}"
        made[name] = Path(folder, f"{side}.html")
        payload = page_payloads.payload(side, side)
        text = page_html(payload["title"], page_payloads.script_json(payload))
        made[name].write_text(text, encoding="utf-8", newline="\n")
    return made


def measure(page: chromium.Page, path: Path, repeat: int, dark: bool) -> list[str]:
    """Return one row of the table."""
    ready, opened = [], []
    for _ in range(repeat):
        page.open(path, dark=dark)
        ready.append(page.js("return performance.getEntriesByName('niicorr-ready')[0].startTime"))
        if "demo" in path.name:
            opened.append(page.driver.execute_async_script(OPEN))
    frames = ["", ""]
    if page.js("return document.getElementById('zoom-in').closest('.control').hidden") is False:
        rate, longest = page.driver.execute_async_script(DRAG, 3)
        frames = [f"{rate:.0f}", f"{longest:.0f} ms"]
    return [f"{path.stat().st_size / 1e6:.1f} MB", f"{statistics.median(ready):.0f} ms",
            f"{statistics.median(opened):.0f} ms" if opened else "", *frames]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    found = chromium.programs()
    if isinstance(found, str):
        sys.exit(found)
    with tempfile.TemporaryDirectory() as folder:
        driver = chromium.start(os.path.join(folder, "profile"))
        try:
            browser = driver.capabilities
            print(f"{browser['browserName']} {browser['browserVersion']}, {os.cpu_count()} cores")
            print("| page | size | ready | open | frames/s | longest frame |\n|---|---|---|---|---|---|")
            page = chromium.Page(driver, folder)
            for name, path in pages(folder).items():
                print(f"| {name} | {' | '.join(measure(page, path, options.repeat, options.dark))} |", flush=True)
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
