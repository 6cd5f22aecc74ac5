"""Names of variables, and the names under which data is kept."""

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
