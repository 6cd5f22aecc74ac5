"""A published city, the server over it, and a real browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from food_inspections_dagster.serving.store import Store
from food_inspections_dagster_tests.serving.conftest import listening
from food_inspections_dagster_tests.world import World

# Where it is `required`, a missing browser fails the tests that need one.
BROWSER_VARIABLE = "TESTS_NEED_BROWSER"


@pytest.fixture(scope="session")
def store(stored_city: World) -> Iterator[Store]:
    """What readers see of the city."""
    with Store.from_settings(stored_city.settings) as opened:
        yield opened


@pytest.fixture
def reads(store):
    with store.snapshot() as opened:
        yield opened


@pytest.fixture
def publication(reads):
    return reads.publication()


@pytest.fixture(scope="session")
def served(stored_city: World) -> Iterator[str]:
    """The address of the server over the city."""
    with listening(stored_city.settings) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="session")
def downloads(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(downloads) -> Iterator[webdriver.Chrome]:
    """Chromium without a window."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        says = "no browser: install Debian's chromium and chromium-driver (apt-get install chromium chromium-driver)"
        if os.environ.get(BROWSER_VARIABLE) == "required":
            pytest.fail(says)
        pytest.skip(says)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    made.set_script_timeout(60)
    folder = {"behavior": "allow", "downloadPath": str(downloads)}
    made.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
    yield made
    made.quit()
