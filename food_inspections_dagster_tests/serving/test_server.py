import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.front import Access
from food_inspections_dagster.serving.server import _listen, access_for, is_loopback
from food_inspections_dagster.settings import load_settings

pytestmark = pytest.mark.usefixtures("project_settings")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.org", False), ("", False)),  # noqa: S104
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) is loopback


def test_others_need_keys_unless_somebody_says_that_they_do_not():
    open_to_all, with_keys = load_settings(), load_settings({"serving": {"keys": True}})
    assert access_for("127.0.0.1", open_to_all, False) == Access()
    assert access_for("127.0.0.1", with_keys, False) == Access(keys=True)
    with pytest.raises(FoodInspectionsError, match=r"serving\.keys.*keys create.*--without-keys"):
        access_for("10.0.0.1", open_to_all, False)
    assert access_for("10.0.0.1", open_to_all, True) == Access(rate="600/minute")
    assert access_for("10.0.0.1", with_keys, True) == Access(keys=True, rate="600/minute")


def test_a_port_that_is_taken_is_told_in_a_sentence():
    with _listen("127.0.0.1", 0) as taken, pytest.raises(FoodInspectionsError, match="choose another port"):
        _listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(FoodInspectionsError, match=r"cannot listen on no\.such\.host"):
        _listen("no.such.host.invalid", 0)


def test_the_process_serves_until_it_is_told_to_stop(published, stored_city):
    variables = published.environment_variables() | {
        "FOOD_INSPECTIONS_HOME": str(stored_city.home),
        "FOOD_INSPECTIONS__DATABASE__DATABASE": published.database_name,
        "FOOD_INSPECTIONS__DATABASE__EMBEDDED_DIRECTORY": str(published.embedded_directory),
    }
    command = [sys.executable, "-m", "food_inspections_dagster.serving", "--port", "0"]
    environment = {**os.environ, **variables}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        line = server.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", line).group()
        with urllib.request.urlopen(f"{url}/readyz") as answer:  # noqa: S310
            assert answer.status == 200 and "server" not in answer.headers
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()
    refused = subprocess.run(  # noqa: S603
        [*command, "--host", "0.0.0.0"],  # noqa: S104
        env=environment,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1 and refused.stderr.startswith("Error: Others reach 0.0.0.0")
