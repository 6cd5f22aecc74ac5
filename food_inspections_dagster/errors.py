"""The one error a person is meant to read."""


class FoodInspectionsError(Exception):
    """What happened, where, and how to mend it, in one sentence; the command line prints it and exits with 1."""
