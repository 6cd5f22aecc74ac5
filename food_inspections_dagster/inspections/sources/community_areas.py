"""The City's 77 community areas (igwz-8jzy) with their borders; the portal's rows, not ours: ask before publishing."""

import pyarrow as pa

from food_inspections_dagster.inspections.source import Field, Form, Source, area_number, required_text, verbatim
from food_inspections_dagster.schemas import column, pandera

SOURCE = Source(
    name="community_areas",
    what="One row per community area; all in the first week of the calendar, for none has a date.",
    key=("number",),
    fields={
        "number": Field(column(pa.int16(), "Number of the area, 1 to 77", pandera.Check.in_range(1, 77)), area_number),
        "name": required_text("Name of the area in capitals"),
        "geometry": Field(column(pa.string(), "Its borders, a GeoJSON MultiPolygon in degrees"), verbatim),
    },
    forms=(Form(columns={"number": "area_numbe", "name": "community", "geometry": "the_geom"}, date=None),),
)
