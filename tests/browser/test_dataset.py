"""A dataset from the first tick to the file, and a month on paper, as a person makes them."""

import csv
import io
import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_dataset_is_built_watched_and_fetched_and_holds_what_the_store_says(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/explore?device=bess01&metric=soc,power&window=24h&live=0")
    body = desktop.locator("#dataset-body")
    size = desktop.locator("#dataset-size")
    expect(size).to_contain_text("2 columns", timeout=20_000)
    body.locator("summary", has_text="PCS").focus()
    desktop.keyboard.press("Enter")
    pcs = body.locator("details", has=desktop.locator("summary", has_text="PCS"))
    pcs.get_by_label("PCS 02 (pcs02)").check()
    pcs.get_by_label("Active power [kW] (active_power)").check()
    expect(size).to_contain_text("3 columns")
    body.locator("select").nth(1).select_option("1h")
    body.locator('input[type="datetime-local"]').first.focus()
    desktop.get_by_role("button", name="Make the file").click()
    job = desktop.locator("#dataset-files .vd-job").first
    expect(job).to_have_attribute("data-state", "done", timeout=60_000)
    desktop.reload()
    job = desktop.locator("#dataset-files .vd-job").first
    expect(job).to_contain_text("3 columns", timeout=20_000)
    with desktop.expect_download() as fetched:
        job.get_by_role("link", name="Download").click()
    head, *rows = csv.reader(io.StringIO(fetched.value.path().read_text()))
    assert head == ["timestamp", "bess01.soc (%)", "bess01.power (kW)", "pcs02.active_power (kW)"]
    with urllib.request.urlopen(f"{plant}/api/v1/exports/{job.get_attribute('data-job')}") as answer:
        asked = json.load(answer)
    query = f"from={asked['from']}&to={asked['to']}&resolution=1h"
    for place, (device, name) in enumerate((("bess01", "soc"), ("bess01", "power"), ("pcs02", "active_power")), 1):
        with urllib.request.urlopen(f"{plant}/api/v1/series?device={device}&metric={name}&{query}") as answer:
            (series,) = json.load(answer)["series"]
        told = [value for value in series["values"] if value is not None]
        written = [float(row[place]) for row in rows if row[place]]
        assert len(written) > 20 and written[:-1] == pytest.approx(told[: len(written) - 1], rel=1e-9)  # the running hour goes on
    job.get_by_role("button", name="Remove").click()
    expect(desktop.locator("#dataset-said")).to_contain_text("The file is removed.")


def test_on_a_phone_the_builder_fits_and_says_what_is_missing(phone: Page, plant: str) -> None:
    phone.goto(f"{plant}/explore?device=bess01&lang=es&theme=light&live=0")
    size = phone.locator("#dataset-size")
    expect(size).to_contain_text("1 columnas", timeout=20_000)  # what the chart shows
    phone.locator("#dataset-body input[value=soc]:checked").uncheck()
    expect(size).to_contain_text("Elija al menos un equipo")
    phone.get_by_role("button", name="Crear archivo").click()
    expect(phone.locator("#dataset-said [data-tone=alarm]")).to_contain_text("Elija al menos un equipo")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_month_is_printed_on_the_system_page(desktop: Page, plant: str) -> None:
    desktop.goto(f"{plant}/system?live=0")
    form = desktop.locator("#reports-body")
    expect(form.locator("select").first).to_be_visible(timeout=20_000)
    running = form.locator("select").first.locator("option[value]:not([disabled])").first.get_attribute("value")
    form.locator("select").first.select_option(running)
    form.get_by_role("button", name="Make the report").click()
    job = desktop.locator("#reports-files .vd-job").first
    expect(job).to_have_attribute("data-state", "done", timeout=240_000)
    expect(job).to_contain_text(re.compile("[45] charts"))  # alarms have one where there were any
    with desktop.expect_download() as fetched:
        job.get_by_role("link", name="Download").click()
    assert fetched.value.path().read_bytes().startswith(b"%PDF-") and fetched.value.suggested_filename.endswith("_en.pdf")
