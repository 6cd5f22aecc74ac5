"""The dashboard in a real browser, over the API's server, and what it answers without one."""

import csv
import io
from importlib.resources import files

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard.app import create_dashboard
from food_inspections_dagster.serving.dashboard.parts import day
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster_tests.defs.city import CITY

PAGES = {
    **{"/": "page-monday", "/models": "page-models", "/fairness": "page-fairness", "/data": "page-data"},
    **{"/monitoring": "page-monitoring", "/routes?inspectors=2": "page-routes", "/nowhere": "page-message"},
}
SECONDS = 60
FITS = "return document.documentElement.scrollWidth <= arguments[0]"
AXE = files("axe_core_python").joinpath("axe.min.js").read_text()


def until(browser, condition):
    return WebDriverWait(browser, SECONDS, poll_frequency=0.1).until(lambda _: condition())


def element(browser, selector):
    return until(browser, lambda: next(iter(browser.find_elements(By.CSS_SELECTOR, selector)), None))


def opened(browser, address, path, identifier):
    browser.get_log("browser")
    browser.get(f"{address}{path}")
    element(browser, f"#{identifier} h1, h1#title, #{identifier}")
    if identifier == "page-monday":
        element(browser, "#list .ag-row")
        element(browser, "#map .scatterlayer")
    return browser


def complaints(browser):
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def names(browser):
    rows = browser.find_elements(By.CSS_SELECTOR, "#list .ag-center-cols-container .ag-row [col-id=kind]")
    return [row.text for row in rows]


# --- without a browser


def test_addresses_of_the_api_stay_the_apis(served):
    assert requests.get(f"{served}/v1/nothing", timeout=30).status_code == 404
    assert requests.post(f"{served}/v1/weeks", timeout=30).status_code == 405
    assert requests.get(f"{served}/v1/weeks", timeout=30).json()
    assert '<html lang="en">' in requests.get(f"{served}/", timeout=30).text


def test_the_file_of_a_filtered_list(served, reads, publication):
    answer = requests.get(f"{served}/list.csv?risk=1&label=critical_violation", timeout=30)
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"priorities-critical_violation-{publication.week}.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    everything = reads.rows(shared.LIST, week=publication.week, label="critical_violation")
    assert [row["establishment_id"] for row in rows] == [
        row["establishment_id"] for row in everything if row["risk"] == 1
    ]


def shown(client, path, search=""):
    """Return the layout that a browser gets which is on a page."""
    answer = client.get("/_dash-layout", headers={"referer": f"http://localhost{path}{search}"})
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def asked_for(client, path, search=""):
    """Return what the callback of a browser answers that does not say where it is."""
    components = ("page.children", "nav.children", "week-holder.children", "kept.data")
    values = {"pathname": path, "search": search}
    body = {
        "output": f"..{'...'.join(components)}..",
        "outputs": [dict(zip(("id", "property"), one.split("."), strict=True)) for one in components],
        "inputs": [{"id": "location", "property": name, "value": value} for name, value in values.items()],
        "changedPropIds": ["location.pathname"],
    }
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    return answer.get_json()["response"]


def test_the_first_page_comes_with_the_layout(store, stored_city):
    """And without it, by a callback, where the browser does not say where it is, or came from elsewhere."""
    client = create_dashboard(store, stored_city.settings).test_client()
    assert "page-models" in shown(client, "/models")
    for headers in ({}, {"referer": "http://elsewhere.org/models"}):
        layout = client.get("/_dash-layout", headers=headers).get_data(as_text=True)
        assert "page-models" not in layout and "Loading" in layout
    answer = asked_for(client, "/models", "?label=failed&nonsense=1")
    assert "page-models" in str(answer["page"]) and answer["kept"]["data"] == "?label=failed"


def test_a_published_week_is_shown_by_its_address_and_never_in_silence(published):
    """The pointer is on the newest week; the one before is published too."""
    with Store.from_settings(published) as opened:
        client = create_dashboard(opened, published).test_client()
        for path, identifier in (*PAGES.items(), ("/establishments/L1", "page-place")):
            if identifier != "page-message":
                address, _, rest = path.partition("?")
                earlier = shown(client, address, f"?week={CITY[-2]}&{rest}")
                assert "AN EARLIER LIST" in earlier and f"models?week={CITY[-2]}" in earlier, path
                assert identifier in earlier, path
                assert "not-present" not in shown(client, address, f"?{rest}"), path
        assert f"for the week of {day(CITY[-1])}" in shown(client, "/", f"?week={CITY[-2]}")
        absent = shown(client, "/", f"?week={CITY[0]}")
        assert "This week is not published" in absent and "page-week" in absent
        file = client.get(f"/list.csv?week={CITY[-2]}")
        assert f"priorities-failed-{CITY[-2]}.csv" in file.headers["content-disposition"]
        assert "the week before" in file.get_data(as_text=True)
        assert client.get(f"/list.csv?week={CITY[0]}").status_code == 404


def test_before_the_first_list_there_is_help(new_database, stored_city):
    database = new_database()
    database.query("select 1")
    settings = stored_city.settings.model_copy(
        update={"database": stored_city.settings.database.model_copy(update={"database": database.database})}
    )
    with Store.from_settings(settings) as empty:
        client = create_dashboard(empty, settings).test_client()
        for path in ("/", "/models", "/establishments/L1"):
            assert "Nothing is published yet" in shown(client, path)
        assert client.get("/list.csv").status_code == 503


def test_a_database_that_is_away_is_no_failure_of_the_page(stored_city):
    away = Store("postgresql://nobody@127.0.0.1:1/none", statement_seconds=1, connections=1, wait_seconds=0.5)
    with away:
        client = create_dashboard(away, stored_city.settings).test_client()
        assert "Not to be shown at the moment" in shown(client, "/")


@pytest.mark.parametrize(
    "search", ["?risk=1&risk=%00", "?label='; drop table x", "?text=%25%27%3Cscript%3E", "?inspectors=1e9"]
)
def test_whatever_stands_in_an_address_the_page_is_shown(store, stored_city, search):
    assert "page-monday" in shown(create_dashboard(store, stored_city.settings).test_client(), "/", search)


# --- in a browser


def serious(browser):
    """Return what axe-core has to say of the page."""
    result = browser.execute_async_script("axe.run(document).then(arguments[arguments.length - 1])")
    assert len(result["passes"]) > 10
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in result["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_renders_for_everybody(browser, served, path):
    """Without a word in the console or a request to elsewhere, in light and dark, on a phone and on a wall."""
    opened(browser, served, path, PAGES[path])
    assert complaints(browser) == []
    assert browser.find_element(By.CSS_SELECTOR, "header nav").text.startswith("This week")
    assert "SIMULATED CITY" in browser.find_element(By.CSS_SELECTOR, ".simulated").text
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert len(asked) > 5
    assert [one for one in asked if not one.startswith((served, "data:", "blob:"))] == []

    browser.execute_script(AXE)
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        assert serious(browser) == [], scheme
    try:
        for width in (390, 1280, 2560):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            until(browser, lambda width=width: browser.execute_script(FITS, width))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_deep_link_filters_and_a_filter_is_kept_in_the_address(browser, served):
    opened(browser, served, "/?facility_type=Restaurant", "page-monday")
    assert set(names(browser)) <= {"Restaurant"}
    before = browser.find_element(By.ID, "summary").text
    browser.find_element(By.ID, "text").send_keys("a")
    until(browser, lambda: browser.find_element(By.ID, "summary").text != before)
    until(browser, lambda: "text=a" in browser.current_url and "facility_type=Restaurant" in browser.current_url)
    assert "text=a" in browser.find_element(By.ID, "file-link").get_attribute("href")
    browser.refresh()
    assert element(browser, "#text").get_attribute("value") == "a"


def test_a_click_opens_the_place_and_escape_closes_it(browser, served):
    opened(browser, served, "/", "page-monday")
    row = element(browser, "#list .ag-row [col-id=name]")
    name = row.text
    row.click()
    panel = element(browser, "#details.open .place")
    assert name in panel.text and "Visits so far" in panel.text and "Why" in panel.text
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    until(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, "#details.open"))
    element(browser, "#list .ag-row [col-id=name]").click()
    element(browser, "#details.open .place")
    browser.find_element(By.LINK_TEXT, "On a page of its own").click()
    assert name in element(browser, "#page-place h1").text


def test_by_keyboard_alone(browser, served):
    opened(browser, served, "/", "page-monday")
    element(browser, "#list .ag-row [col-id=name]")
    browser.execute_script("document.querySelector('#list .ag-header-cell').focus()")
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.SPACE):
        browser.switch_to.active_element.send_keys(key)
    element(browser, "#details.open .place")
    focused = "return document.getElementById('details').contains(document.activeElement)"
    until(browser, lambda: browser.execute_script(focused))


def test_export_downloads(browser, served, downloads):
    opened(browser, served, "/?risk=1", "page-monday")
    browser.find_element(By.ID, "file-link").click()
    (file,) = until(browser, lambda: list(downloads.glob("*.csv")))
    assert file.read_text().splitlines()[0].startswith("rank,establishment_id,dba_name")


def test_the_map_follows_the_list(browser, served):
    opened(browser, served, "/", "page-monday")
    points = "return document.querySelectorAll('#map .scatterlayer path.point').length"
    everywhere = until(browser, lambda: browser.execute_script(points))
    browser.find_element(By.ID, "text").send_keys("a b")
    until(browser, lambda: 0 < browser.execute_script(points) < everywhere)


def test_what_if_answers_at_once(browser, served):
    opened(browser, served, "/", "page-monday")
    before = browser.find_element(By.ID, "what-if").text
    assert "days earlier" in before and "finds to expect" in before
    handle = browser.find_element(By.CSS_SELECTOR, "#page [role=slider]")
    handle.send_keys(Keys.ARROW_RIGHT)
    until(browser, lambda: browser.find_element(By.ID, "what-if").text != before)
    assert "7 inspectors" in browser.find_element(By.ID, "what-if").text
    until(browser, lambda: "inspectors=7" in browser.current_url)
