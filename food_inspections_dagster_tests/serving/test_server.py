import os
import signal
import subprocess
import sys

import pytest
import requests

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.server import access_for, is_loopback
from food_inspections_dagster_tests.serving.conftest import changed


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("a.example", False),
    ],  # noqa: S104
)
def test_which_addresses_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) == loopback


def test_on_loopback_nobody_needs_a_key_elsewhere_everybody_does(published):
    assert access_for("127.0.0.1", published, False).keys is False
    with pytest.raises(FoodInspectionsError, match="Others reach 10.0.0.1, and no API key is asked for"):
        access_for("10.0.0.1", published, False)
    open_to_all = access_for("10.0.0.1", published, True)
    assert open_to_all.keys is False and open_to_all.rate == published.serving.rate_limit
    assert access_for("10.0.0.1", changed(published, keys=True), False).keys is True


def test_an_address_that_cannot_be_listened_on_is_a_sentence(published):
    from food_inspections_dagster.serving.server import serve

    with pytest.raises(FoodInspectionsError, match="192.0.2.1"):
        serve(published, "192.0.2.1", 8080, without_keys=True)


def test_the_process_of_its_own_serves_and_ends(stored_city, published):
    variables = {
        **os.environ,
        **stored_city.settings.environment_variables(),
        "FOOD_INSPECTIONS_HOME": str(published.root),
    }
    variables["FOOD_INSPECTIONS__DATABASE__DATABASE"] = published.database_name
    command = [sys.executable, "-m", "food_inspections_dagster.serving", "--port", "0"]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        lines = []
        for line in server.stdout:
            lines.append(line)
            address = next((word.rstrip("/.,;") for word in line.split() if word.startswith("http://127")), None)
            if address:
                break
        else:
            raise AssertionError("".join(lines))
        assert requests.get(f"{address}/v1/weeks", timeout=60).status_code == 200
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert server.returncode in (0, -signal.SIGINT)
