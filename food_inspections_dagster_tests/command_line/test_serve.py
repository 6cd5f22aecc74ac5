import os
import sys

import pytest

from food_inspections_dagster.command_line import serve as commands
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings


def test_the_server_is_a_process_of_its_own():
    begin = [sys.executable, "-m", "food_inspections_dagster.serving"]
    assert commands.command(None, None) == begin
    assert commands.command("::1", 0, True) == [*begin, "--host", "::1", "--port", "0", "--without-keys"]


@pytest.mark.usefixtures("project_settings")
def test_the_command_becomes_the_server_with_the_same_settings(monkeypatch):
    became = []
    monkeypatch.setattr(os, "execve", lambda *arguments: became.append(arguments))
    commands.serve(load_settings({"portal": {"name": "simulated-7"}}), None, 8081, False)
    program, arguments, environment = became[0]
    assert (program, arguments) == (sys.executable, commands.command(None, 8081))
    assert environment["FOOD_INSPECTIONS__PORTAL__NAME"] == "simulated-7"


def test_keys_are_made_listed_and_revoked(out, told, database):
    commands.list_keys(out, database)
    assert "There are no keys" in told()
    commands.create_key(out, database, "a journalist", ["read"], "me")
    key = next(line for line in told().splitlines() if line.startswith("fi_"))
    key_id, secret = key.split("_", 2)[1:]
    commands.list_keys(out, database)
    line = told().splitlines()[-1]
    assert line.startswith(f"{key_id}  a journalist: read; in force; made 2") and line.endswith("by me")
    commands.revoke_key(out, database, key_id)
    commands.list_keys(out, database)
    assert "revoked" in told().splitlines()[-1] and told().count(secret) == 1
    with pytest.raises(FoodInspectionsError, match="opens nothing"):
        commands.revoke_key(out, database, key_id)
