"""Names of variables, and the names under which data is kept."""

import hashlib
import re
from pathlib import Path

from food_inspections_dagster.errors import FoodInspectionsError

ENVIRONMENT_VARIABLE = "FOOD_INSPECTIONS_ENV"
HOME_VARIABLE = "FOOD_INSPECTIONS_HOME"
PREFIX = "FOOD_INSPECTIONS__"
#: Variables of the project that are no settings; the last names the folder of real data for tests.
OTHER_VARIABLES = (ENVIRONMENT_VARIABLE, HOME_VARIABLE, "FOOD_INSPECTIONS_SHARED_DATA")
EMBEDDED = "embedded"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def variable_of(path: tuple[str, ...]) -> str:
    """Return the name of the environment variable of a setting."""
    return PREFIX + "__".join(path).upper()


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
