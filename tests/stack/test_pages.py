"""Prefect's pages in a real browser: a person logs in and sees deployments, the run and its artifacts."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.stack.running_stack import PORTS, Stack

pytestmark = pytest.mark.skipif(
    shutil.which("chromedriver") is None and "STACK_REQUIRED" not in os.environ,
    reason="no chromedriver (Debian: chromium-driver) (2026-11)",
)
ADDRESS = f"http://127.0.0.1:{PORTS['PREFECT_PORT']}"


@pytest.fixture(scope="module")
def browser(stack: Stack) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1100"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        log_in(driver, f"lakehouse:{stack.secret('PREFECT_API_PASSWORD')}")
        yield driver
    finally:
        driver.quit()


def log_in(driver: WebDriver, credentials: str) -> None:
    """Gives the page the user name and password that it asks for."""
    driver.get(ADDRESS)
    field = patient(driver).until(lambda it: it.find_element(By.CSS_SELECTOR, "input"))
    field.send_keys(credentials, Keys.ENTER)
    patient(driver).until(lambda it: "Dashboard" in text(it))


def patient(driver: WebDriver) -> WebDriverWait[WebDriver]:
    """Waits for a page that may draw itself anew under the one who reads it."""
    return WebDriverWait(driver, 120, ignored_exceptions=[StaleElementReferenceException])


def text(driver: WebDriver) -> str:
    """What a person reads on the page."""
    return str(driver.find_element(By.TAG_NAME, "body").text)


def shows(driver: WebDriver, path: str, *words: str, name: str) -> None:
    """The page shows these words; its picture goes to the folder STACK_SCREENSHOTS, where one is named."""
    driver.get(f"{ADDRESS}/{path}")
    try:
        patient(driver).until(lambda it: all(word in text(it) for word in words))
    except TimeoutException:
        raise AssertionError(f"{path}: {words} wanted, found: {text(driver)}") from None
    if folder := os.environ.get("STACK_SCREENSHOTS"):
        driver.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_the_pages_show_deployments_the_run_and_its_artifacts(stack: Stack, browser: WebDriver) -> None:
    shows(browser, "deployments", "us-equities-every-5-min", "after-20-00-ist", name="deployments")
    demo = stack.api("GET", "deployments/name/demo/on-demand")
    wanted = {"deployments": {"id": {"any_": [demo["id"]]}}, "sort": "START_TIME_DESC"}
    run = stack.api("POST", "flow_runs/filter", wanted)[0]
    shows(browser, f"runs/flow-run/{run['id']}", run["name"], "Completed", "build-gold", name="run")
    shows(browser, "artifacts", "run-summary", name="artifacts")


def test_a_parameter_s_description_is_on_the_page_where_a_run_is_started(
    stack: Stack, browser: WebDriver
) -> None:
    backfill = stack.api("GET", "deployments/name/backfill/on-demand")
    shows(
        browser,
        f"deployments/deployment/{backfill['id']}/run",
        "The first session's date.",
        "Such as AAPL; each is requested only from datasets of its type. Empty: the watch list.",
        name="start",
    )
