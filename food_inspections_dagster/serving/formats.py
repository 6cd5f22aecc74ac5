"""Rows as JSON, CSV, GeoJSON and Parquet, and which of them a client asks for."""

import csv
import io
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson

from food_inspections_dagster import schemas
from food_inspections_dagster.schemas import Schema
from food_inspections_dagster.serving.problems import Problem

Row = Mapping[str, Any]


class Format(StrEnum):
    """The name of a format, as ``?format=`` takes it."""

    JSON = "json"
    CSV = "csv"
    GEOJSON = "geojson"
    PARQUET = "parquet"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.GEOJSON: "application/geo+json",
    Format.PARQUET: "application/vnd.apache.parquet",
}


@lru_cache(maxsize=1024)
def negotiate(accept: str, offered: tuple[Format, ...] = tuple(Format)) -> Format:
    """Return the format that a client likes best by its Accept header, the first offered among equals.

    Raises:
        Problem: 406, where it likes none.
    """
    ranges: dict[str, float] = {}
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            ranges[name] = float(weight)
        except ValueError:
            ranges[name] = 0.0
    best, best_weight = offered[0], 0.0
    for form in offered:
        media = MEDIA_TYPES[form]
        # The most specific range decides.
        weight_of = next((ranges[r] for r in (media, f"{media.split('/')[0]}/*", "*/*") if r in ranges), 0.0)
        if weight_of > best_weight:
            best, best_weight = form, weight_of
    if best_weight <= 0:
        raise Problem("not-acceptable", f"This address answers as {', '.join(MEDIA_TYPES[form] for form in offered)}.")
    return best


def to_json(document: Any) -> bytes:
    """Return a document as JSON; what is no number is null."""
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)


def to_csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Return rows as CSV with a header (RFC 4180), null as nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([row[name] for name in columns] for row in rows)
    return text.getvalue().encode()


def to_geojson(rows: Sequence[Row], columns: Sequence[str], beside: Mapping[str, Any]) -> bytes:
    """Return rows with ``latitude`` and ``longitude`` as features (RFC 7946); without a place they have no geometry."""
    names = [name for name in columns if name not in ("latitude", "longitude")]
    features = [
        {
            "type": "Feature",
            "id": row["establishment_id"],
            "geometry": {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}
            if row["longitude"] is not None and row["latitude"] is not None
            else None,
            "properties": {name: row[name] for name in names},
        }
        for row in rows
    ]
    return to_json({"type": "FeatureCollection", **beside, "features": features})


def to_parquet(rows: Sequence[Row], table: Schema, columns: Sequence[str], beside: Mapping[str, Any]) -> bytes:
    """Return rows as Parquet, in the types of their table; ``beside`` stands in the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = schemas.arrow_types(table)
    fields = pa.schema([(name, types[name]) for name in columns], metadata={"food_inspections": to_json(beside)})
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=fields), sink, compression="zstd")
    return sink.getvalue()
