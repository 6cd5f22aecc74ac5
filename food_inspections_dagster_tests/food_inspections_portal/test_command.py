"""``python -m food_inspections_portal`` as a person or a parent process starts it."""

import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from food_inspections_portal.command import READY, main
from food_inspections_portal.sources import INSPECTIONS

ROWS = """Inspection ID,DBA Name,Inspection Date,Inspection Type,Results
1,A,01/05/2010,Canvass,Pass
2,B,01/06/2010,Canvass,Fail
"""


@contextmanager
def started(*arguments):
    """Run the command; yield its lines up to the one that it is ready, and its URL."""
    command = [sys.executable, "-m", "food_inspections_portal", "--port", "0", *arguments]
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            lines = []
            for line in server.stdout:
                lines.append(line.strip())
                if line.startswith(READY):
                    break
            yield lines, lines[-1].removeprefix(READY).split()[0]
        finally:
            server.kill()


def test_a_small_city_is_simulated_and_served_under_its_name(tmp_path):
    arguments = ("--seed", "3", "--scale", "0.05", "--weeks", "4", "--cache", str(tmp_path))
    with started(*arguments) as (lines, url):
        assert "Simulating 4 weeks: 50 %" in lines
        assert "SIMULATED city (seed 3, scale 0.05)" in lines[-1]
        view = requests.get(f"{url}/api/views/{INSPECTIONS}.json", timeout=60).json()
        assert view["metadata"]["custom_fields"]["food_inspections"]["identity"] == "simulated-3-x0-05-w4"
        (count,) = requests.get(f"{url}/resource/{INSPECTIONS}.json", params={"$select": "count(*)"}, timeout=60).json()
        assert int(count["count"]) > 10
    with started(*arguments) as (lines, _):
        assert not any(line.startswith("Simulating") for line in lines), "a city is simulated once"


def test_a_file_is_served_under_its_stem_and_content(tmp_path):
    file = tmp_path / "My Rows.csv"
    file.write_text(ROWS)
    with started("--source", str(file), "--app-token", "good", "--throttle", "1") as (_, url):
        url = f"{url}/resource/{INSPECTIONS}.json"
        good = requests.get(url, headers={"X-App-Token": "good"}, timeout=60)
        assert sorted(row["inspection_id"] for row in good.json()) == ["1", "2"]
        assert requests.get(url, headers={"X-App-Token": "bad"}, timeout=60).status_code == 403
        assert [requests.get(url, timeout=60).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "/no/such/file.csv"], "/no/such/file.csv does not exist"),
        (["--scale", "-1"], "A city cannot be simulated at scale -1.0"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(arguments, words, tmp_path, capsys):
    assert main([*arguments, "--cache", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: ") and words in told
    assert told.count("\n") == 1
