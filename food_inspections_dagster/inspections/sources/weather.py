"""Weather by day: any table of a date and the day's highest temperature; the City's portal has none."""

from food_inspections_dagster.inspections.source import Form, Source, date_field, number_field, same

SOURCE = Source(
    name="weather",
    what="One row per day.",
    key=("date",),
    fields={
        "date": date_field("The day"),
        "temperature_max": number_field("Highest temperature, degrees Fahrenheit"),
        "precip_intensity": number_field("Precipitation, inches an hour", null=True),
        "wind_speed": number_field("Wind, miles an hour", null=True),
        "humidity": number_field("Relative humidity, 0 to 1", null=True),
    },
    forms=(Form(columns=same("date", "temperature_max", "precip_intensity", "wind_speed", "humidity"), date="date"),),
    date="date",
    fresh_days=14,
    reaches_back=2,
)
