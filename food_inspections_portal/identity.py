"""What data a portal serves: a name that tells it from all other data, which our server publishes.

The City's portal publishes none; its host names it.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, last_complete_week, week_range

FIELD_SET = "food_inspections"  # in a view's metadata.custom_fields, where a portal's owner may add fields
FIELD = "identity"


@dataclass(frozen=True)
class City:
    """Size of the simulated city; ``weeks`` None is every complete week until now."""

    seed: int = 2010
    scale: float = 1.0
    weeks: int | None = None

    @property
    def complete_weeks(self) -> int:
        """Number of weeks that are simulated."""
        return self.weeks or len(week_range(FIRST_WEEK, last_complete_week(datetime.now(CHICAGO))))

    @property
    def name(self) -> str:
        """The city's identity. A city without a number of weeks grows and keeps its name."""
        size = "" if self.scale == 1.0 else f"-x{self.scale:g}".replace(".", "-")
        return f"simulated-{self.seed}{size}" + (f"-w{self.weeks}" if self.weeks else "")


def slug(text: str) -> str:
    """Return ``text`` as lower-case letters, digits and single hyphens, at most 31 of them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:31].strip("-")


def data_name_of_files(path: Path) -> str:
    """Name the data of a file, or of a folder's Parquet and CSV files: stem and 8 hex digits of the content.

    By content, not by path: another file under an old name must not meet the old file's database.

    Raises:
        FoodInspectionsError: where there is nothing to read.
    """
    files = sorted(p for p in path.iterdir() if p.suffix in (".parquet", ".csv")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    try:
        for file in files:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise FoodInspectionsError(
            f"The portal's rows cannot be read from {path} ({error.strerror}): name a Parquet or CSV file."
        ) from None
    if not files:
        raise FoodInspectionsError(f"{path} holds no Parquet or CSV file: name a folder that does.")
    return f"{slug(path.stem) or 'file'}-{digest.hexdigest()[:8]}"
