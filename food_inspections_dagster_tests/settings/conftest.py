"""A project folder of its own for each test of the settings."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with the real conf/base, no conf/local, and an environment without our variables."""
    shutil.copytree(ROOT / "conf/base", tmp_path / "conf/base")
    (tmp_path / "conf/local").mkdir()
    for name in list(os.environ):
        if name.upper().startswith("FOOD_INSPECTIONS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def local(home: Path) -> Callable[..., None]:
    """Write a file of conf/local, from text or as YAML."""

    def write(content: Any, name: str = "settings.yaml") -> None:
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        (home / "conf/local" / name).write_text(text)

    return write
