"""Write docs/screenshots/*.png: the pages of a server that is running, as a person sees them.

    make serve                    # in one terminal
    make screenshots              # in another

Needs Debian's chromium and chromium-driver.
"""

import argparse
import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FOLDER = Path(__file__).parent / "screenshots"
#: By file: address, width, height, whether dark, and what is clicked.
SHOTS = {
    "list-1280": ("/", 1280, 900, False, None),
    "list-390": ("/", 390, 1100, False, None),
    "list-2560-dark": ("/", 2560, 1300, True, None),
    "place-1280": ("/", 1280, 900, False, "#list .ag-row [col-id=name]"),
    "routes-1280": ("/routes?inspectors=3", 1280, 800, False, None),
    "models-1280": ("/models", 1280, 1100, False, None),
    "fairness-1280": ("/fairness", 1280, 1100, False, None),
    "monitoring-1280": ("/monitoring", 1280, 1100, False, None),
    "data-1280": ("/data", 1280, 900, False, None),
}
SECONDS = 60
COLOURS = 128


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="address of the server")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        sys.exit("There is no browser: install Debian's chromium and chromium-driver.")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    try:
        for name, shot in SHOTS.items():
            take(browser, arguments.server, arguments.folder / f"{name}.png", shot)
    finally:
        browser.quit()


def take(browser: webdriver.Chrome, server: str, file: Path, shot: tuple[str, int, int, bool, str | None]) -> None:
    """Write one of them, in few colours: they are kept in the repository."""
    path, width, height, dark, click = shot
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    browser.get(f"{server}{path}")
    wait = WebDriverWait(browser, SECONDS, poll_frequency=0.1)
    wait.until(lambda page: page.find_elements(By.CSS_SELECTOR, "#page h1"))
    drawn = (
        "return [...document.querySelectorAll('.dash-graph')].every(one => one.querySelector('.main-svg')) && "
        "[...document.querySelectorAll('#list')].every(one => one.querySelector('.ag-row')) && "
        "[...document.querySelectorAll('#map-holder')].every(one => one.querySelector('.scatterlayer path'))"
    )
    wait.until(lambda page: page.execute_script(drawn))
    if click:
        browser.find_element(By.CSS_SELECTOR, click).click()
        wait.until(lambda page: page.find_elements(By.CSS_SELECTOR, "#details.open .place"))
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    picture.quantize(COLOURS).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
