from collections.abc import Callable
from pathlib import Path

import pytest

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster_tests.toys import Toys


@pytest.fixture
def toys(database: Database, tmp_path: Path) -> Toys:
    """A fresh database and a directory of objects."""
    return Toys(database, ObjectStore(url=str(tmp_path / "objects"), portal="simulated-test"))


@pytest.fixture
def toys_anywhere(database: Database, object_store: Callable[..., ObjectStore]) -> Toys:
    """A fresh database and, one after the other, each kind of object store."""
    return Toys(database, object_store())
