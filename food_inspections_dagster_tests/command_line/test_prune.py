from datetime import UTC, datetime, timedelta

from food_inspections_dagster.command_line.prune import prune


def test_what_is_stored_is_none_the_worse_for_it(made, out, told):
    """A year later every run is old; those that made what is stored stay, so Dagster still shows every week."""
    later = datetime.now(UTC) + timedelta(days=400)
    before, runs = made.bytes_stored(), made.instance.get_runs_count()
    prune(out, made.settings, dry_run=True, now=later)
    assert made.instance.get_runs_count() == runs
    words = told()
    assert words.startswith("Would remove: ") and words.endswith(" runs with their events, and 0 lists.\n")
    prune(out, made.settings, dry_run=False, now=later)
    assert told().removeprefix(words) == words.replace("Would remove", "Removed")
    assert made.instance.get_runs_count() == runs - int(words.split()[2])
    prune(out, made.settings, dry_run=False, now=later)
    assert told().endswith("Removed: 0 runs with their events, and 0 lists.\n")
    assert made.bytes_stored() == before and made.stale() == {}


def test_nothing_is_old_yet(made, out, told):
    prune(out, made.settings, dry_run=True)
    assert told() == "Would remove: 0 runs with their events, and 0 lists.\n"
