"""A real browser without a window: Chromium driven by Selenium. Tests that need it are skipped, loudly, without one."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import unchecked

BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)


def _first(names):
    return next((result for name in names if (result := shutil.which(name))), None)


@contextmanager
def opened(path, width=1200, height=900):
    """The page at ``path``, opened from its file with the network cut off."""
    with window(width, height) as page:
        page.set_network_conditions(offline=True, latency=0, throughput=0)
        page.get(path.resolve().as_uri())
        yield page


@contextmanager
def window(width=1200, height=900, expected=()):
    """A window without a page yet; errors that its console shows in the end fail the test, those ``expected`` apart."""
    browser, driver = _first(BROWSERS), _first(DRIVERS)
    try:
        from selenium import webdriver
    except ImportError:
        webdriver = None
    if not (browser and driver and webdriver):
        unchecked.skip("the page in a browser", "install chromium, chromium-driver and selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(flag)
    # Chromium keeps a window above 500 pixels: a phone is emulated.
    if width < 500:
        metrics = {"width": width, "height": height, "pixelRatio": 2.0}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    else:
        options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield page
        messages = [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
        assert [message for message in messages if not any(part in message for part in expected)] == []
    finally:
        page.quit()
