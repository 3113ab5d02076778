"""Debian's Chromium, driven from Python: what a reader does with a page, and what the browser says about it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
from typing import Any

SETTLED = 10.0
"""Seconds after which a page that is not as it should be will not become so."""

NAMES = ("chromium", "chromium-browser", "google-chrome")

FLAGS = ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync", "disable-dev-shm-usage", "force-color-profile=srgb")
"""No screen, and nothing that the browser itself would ask of the network."""

OWN = re.compile(r"(file|data|blob|about|chrome):")
"""Addresses on disk, inside of the page, or of the browser's own pictures."""

FRAMES = """
  let left = arguments[0];
  const done = arguments[1], next = () => (left-- > 0 ? requestAnimationFrame(next) : done());
  next();
"""

CHOOSE = """
  const select = document.querySelector(arguments[0]);
  select.value = arguments[1];
  select.dispatchEvent(new Event("change"));
"""

SCROLL = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center', behavior: 'instant' })"

RECTANGLE = """
  const box = document.querySelector(arguments[0]).getBoundingClientRect();
  return [box.left, box.top, box.width, box.height];
"""

OPENED = """
  const { hidden, dataset: { shown } } = document.getElementById("opened"), same = (text) => decodeURIComponent(text);
  return !hidden && shown !== undefined && (same(shown) === same(location.hash) || !location.hash.includes("/"));
"""

COPY = """
  const [selector, x, y, w, h] = arguments, canvas = document.querySelector(selector);
  const scale = canvas.width / canvas.clientWidth, at = [x, y].map((v) => -Math.floor((v ?? 0) * scale));
  const size = w ? [w, h].map((v) => Math.ceil(v * scale)) : [canvas.width, canvas.height];
  const copy = new OffscreenCanvas(...size), context = copy.getContext("2d");
  context.drawImage(canvas, ...at);
  const { data } = context.getImageData(0, 0, ...size);
"""
"""Canvases are read from a copy: those that are often read back are drawn otherwise."""

PAINTED = f"""
  const wanted = arguments[5];
  {COPY}
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {{
    if (data[i + 3] && (!wanted || wanted.every((v, k) => Math.abs(v - data[i + k]) < 2))) found++;
  }}
  return found;
"""


class Keys:
    """Keys that print nothing, as the driver wants them (WebDriver, 17.4.2); known without it, too."""

    ARROW_DOWN = '\ue015'
    ARROW_LEFT = '\ue012'
    ARROW_RIGHT = '\ue014'
    ARROW_UP = '\ue013'
    END = '\ue010'
    ENTER = '\ue007'
    ESCAPE = '\ue00c'
    PAGE_DOWN = '\ue00f'
    PAGE_UP = '\ue00e'
    TAB = '\ue004'


def programs() -> tuple[str, str] | str:
    """Paths of Chromium and its driver, or what is missing."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed (pip install 'niicorr[browser]')"
    if browser is None or driver is None:
        return "Chromium and its driver are not installed (Debian: chromium, chromium-driver)"
    return browser, driver


def start(profile: str) -> Any:
    """Start a headless Chromium; its settings go to a new folder."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    found = programs()
    assert not isinstance(found, str)
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service(found[1]), options=options)


class Page:
    """A page in the browser."""

    def __init__(self, driver: Any, folder: str):
        self.driver = driver
        self.downloads = os.path.join(folder, "downloads")
        self.problems: list[str] = []
        self.requests: dict[str, str] = {}

    def open(self, path: str | os.PathLike[str], fragment: str = "", *, width: int = 1280, height: int = 900,
             dark: bool = False, still: bool = False) -> Page:
        """Open a file from disk and wait until it is ready; ``still`` for readers who want less motion."""
        self.cdp("Emulation.setEmulatedMedia", media="", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=self.downloads)
        # Another document in between, so that a fragment alone opens the page anew.
        self.driver.get("about:blank")
        self.driver.get(f"file://{os.fspath(path)}{fragment}")
        self.until("return document.documentElement.dataset.ready === 'true'")
        return self

    def cdp(self, command: str, **told: Any) -> Any:
        """Tell the browser something that a page could not."""
        return self.driver.execute_cdp_cmd(command, told)

    def js(self, script: str, *args: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *args)

    def until(self, script: str, *args: Any) -> Any:
        """Wait until a script returns something true, and return it."""
        end = time.monotonic() + SETTLED
        while not (found := self.js(script, *args)):
            if time.monotonic() > end:
                raise AssertionError(f"never came true: {script}\n{self.log()}")
            time.sleep(0.02)
        return found

    def frames(self, count: int = 2) -> None:
        """Let the screen be drawn."""
        self.driver.execute_async_script(FRAMES, count)

    def all(self, selector: str) -> list[Any]:
        """Every element of a kind."""
        return list(self.driver.find_elements("css selector", selector))

    def text(self, selector: str) -> str:
        """What is written in the first element of a kind."""
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def texts(self, selector: str) -> list[str]:
        """What is written in each element of a kind."""
        return [element.get_property("textContent") for element in self.all(selector)]

    def values(self, selector: str) -> list[float]:
        """Numbers behind what is written, with all their digits."""
        found = self.js("return [...document.querySelectorAll(arguments[0])].map((data) => data.value)", selector)
        return [float(value) for value in found]

    def click(self, selector: str) -> None:
        """Click the one element of a kind where it is, as a reader would."""
        (element,) = self.all(selector)
        self.js(SCROLL, selector)
        element.click()

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list."""
        self.js(CHOOSE, selector, value)
        self.frames()

    def keys(self, *keys: str) -> None:
        """Type to whatever has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        self.frames()

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Scroll to the first element of a kind; return where it then is in the window (x, y, width, height)."""
        self.until("return document.querySelector(arguments[0])?.clientWidth > 100", selector)
        self.frames(3)
        self.js(SCROLL, selector)
        self.frames()
        x, y, width, height = self.js(RECTANGLE, selector)
        return x, y, width, height

    def plot(self) -> list[float]:
        """Where the cells are in their frame: x, y, width, height."""
        return self._said_of_the_heatmap("plot")

    def view(self) -> list[float]:
        """Width and height of a cell, and the first column and row in view, with fractions."""
        return self._said_of_the_heatmap("view")

    def _said_of_the_heatmap(self, key: str) -> list[float]:
        self.frames()
        text = self.js("return document.getElementById('heatmap').dataset[arguments[0]]", key)
        return [float(value) for value in text.split()]

    def cell(self, row: int, col: int) -> tuple[float, float]:
        """The middle of the cell at a place, in pixels of the window; scrolled into view."""
        left, top, _, _ = self.box("#heatmap")
        (x, y, _, _), (w, h, first_col, first_row) = self.plot(), self.view()
        return left + x + (col + 0.5 - first_col) * w, top + y + (row + 0.5 - first_row) * h

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """One event of the mouse, in pixels of the window."""
        self.cdp("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def hover(self, x: float, y: float) -> None:
        """Move the mouse to a point."""
        self.mouse("mouseMoved", x, y)
        self.frames()

    def press(self, x: float, y: float) -> None:
        """Click at a point."""
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)
        self.frames(3)

    def drag(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Press, move, release."""
        self.mouse("mousePressed", x0, y0, button="left", buttons=1, clickCount=1)
        for share in (0.3, 0.6, 1.0):
            self.mouse("mouseMoved", x0 + share * (x1 - x0), y0 + share * (y1 - y0), button="left", buttons=1)
            self.frames(1)
        self.mouse("mouseReleased", x1, y1, button="left", clickCount=1)
        self.frames(3)

    def wheel(self, x: float, y: float, up: float) -> None:
        """Turn the wheel, away from oneself where up is positive."""
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=-up)
        self.frames(3)

    def fingers(self, *distances: float, x: float, y: float) -> None:
        """Put two fingers on the screen, move them apart step by step, and lift them."""
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
        try:
            for i, apart in enumerate(distances):
                points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
                self.cdp("Input.dispatchTouchEvent", type="touchMove" if i else "touchStart", touchPoints=points)
            self.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        finally:
            self.cdp("Emulation.setTouchEmulationEnabled", enabled=False)

    def opened(self) -> str:
        """Wait until what the address names is shown; return its heading."""
        self.until(OPENED)
        return self.text("#opened-title")

    def slices(self) -> None:
        """Wait until the slices of what is open are drawn."""
        self.opened()
        self.until("return document.querySelector('.readout')?.textContent")

    def pixel(self, selector: str, x: float, y: float) -> tuple[int, ...]:
        """The colour of a canvas at a point, in CSS pixels from its corner: red, green, blue, opacity."""
        return tuple(self.js(f"{COPY} return [...data]", selector, x, y, 1, 1))

    def painted(self, selector: str, colour: tuple[int, int, int] | None = None,
                box: tuple[float, float, float, float] | None = None) -> int:
        """How many pixels of a canvas, or of a box in it, have a colour (any, if none is named)."""
        self.frames(3)
        return int(self.js(PAINTED, selector, *(box or (None,) * 4), colour))

    def downloaded(self, name: str) -> bytes:
        """Wait for a download."""
        path, end = os.path.join(self.downloads, name), time.monotonic() + SETTLED
        while not os.path.exists(path):
            assert time.monotonic() < end, f"{name} was not downloaded"
            time.sleep(0.02)
        with open(path, "rb") as file:
            data = file.read()
        os.remove(path)
        return data

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.cdp("Page.printToPDF", printBackground=True)["data"])

    def log(self) -> str:
        """Take in what the browser said since the last time; return all it complained of."""
        self.problems += [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")
                          if entry["level"] in ("SEVERE", "WARNING")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            what, told = message["method"], message["params"]
            if what == "Network.requestWillBeSent":
                self.requests[told["requestId"]] = told["request"]["url"]
            elif what == "Network.loadingFailed" and told.get("blockedReason") == "csp":
                self.requests.pop(told["requestId"], None)  # wished for, and never sent
        return "\n".join(self.problems)

    def forgive(self) -> list[str]:
        """Return all complaints, and expect them."""
        self.log()
        problems, self.problems = self.problems, []
        return problems

    def strangers(self) -> list[str]:
        """Addresses outside of the page that it asked for."""
        self.log()
        return [url for url in self.requests.values() if not OWN.match(url)]
