"""What alerts say: from what happened to words, without Dagster."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from food_inspections_dagster.catalog import DRIFT, OUTCOMES
from food_inspections_dagster.resources.alert_channels import Alert
from food_inspections_dagster.weeks import WEEK

RUN_FAILURE, FAILED_CHECK, WARNING, DRIFT_WARNING, STALE_DATA = (
    *("run_failure", "failed_check", "warning", "drift", "stale_data"),
)
#: Assets whose checks say that the city, or a source, is no longer what models were made on.
_MONITORED = (OUTCOMES.asset, DRIFT.asset)
_CHECKS_NAMED = 20
_PLACE = "make dev"


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not pass; ``blocking`` ones are errors, the others warn."""

    asset: str
    check: str
    blocking: bool
    description: str
    run_id: str

    @property
    def event(self) -> str:
        """The setting that asks for an alert of it."""
        if self.blocking:
            return FAILED_CHECK
        return DRIFT_WARNING if self.asset in _MONITORED else WARNING


def of_run_failure(run_id: str, job: str, weeks: Sequence[str], words: str, data: str) -> Alert:
    """Say that a run failed.

    Args:
        weeks: of the run, the first and the last; empty where it names none.
        words: what failed, in a sentence.
        data: name of the data, such as that of a simulated city.
    """
    named = f" for {weeks[0] if weeks[0] == weeks[-1] else f'{weeks[0]} to {weeks[-1]}'}" if weeks else ""
    text = (
        f"{words}\nEarlier lists stand as they were. `{_PLACE}` shows the run {run_id} with its log; once the cause is "
        "mended, `make run` or the job bring_up_to_date goes on from there."
    )
    details = {"data": data, "run_id": run_id, "job": job, "weeks": " to ".join(weeks)}
    return Alert(RUN_FAILURE, f"Food inspections ({data}): run of {job}{named} failed", text, details)


def of_checks(failed: Sequence[FailedCheck], data: str) -> Alert:
    """Say which checks failed, the blocking ones first, each once."""
    once = {(one.asset, one.check): one for one in failed}  # the newest word of each
    ordered = sorted(once.values(), key=lambda one: (not one.blocking, one.asset, one.check))
    errors = sum(one.blocking for one in ordered)
    counts = [f"{errors} failed"] if errors else []
    counts += [f"{len(ordered) - errors} warn"] if len(ordered) > errors else []
    lines = [
        f"- {'ERROR' if one.blocking else 'WARN'} {one.check} of {one.asset}: {one.description}"
        for one in ordered[:_CHECKS_NAMED]
    ]
    if len(ordered) > _CHECKS_NAMED:
        lines.append(f"- and {len(ordered) - _CHECKS_NAMED} more")
    lines.append(f"What rests on a check that failed was not made. `{_PLACE}` shows each with its numbers.")
    events = sorted({one.event for one in ordered})
    details = {
        "data": data,
        "checks": ", ".join(f"{one.asset}.{one.check}" for one in ordered),
        "run_ids": ", ".join(sorted({one.run_id for one in ordered})),
        "events": ", ".join(events),
    }
    event = FAILED_CHECK if errors else events[0]
    subject = f"Food inspections ({data}): {' and '.join(counts)} of the checks, such as {ordered[0].check}"
    return Alert(event, subject, "\n".join(lines), details)


def of_stale_data(
    today: date, newest_inspection: date, newest_list: date | None, after_days: int, data: str
) -> Alert | None:
    """Say what is too old, or nothing.

    Args:
        newest_inspection: on the portal.
        newest_list: the newest week that a list was made of; None before the first.
        after_days: what is older than this is too old.
    """
    facts = [
        (
            *("newest_inspection", newest_inspection, "the portal stands still"),
            f"The portal's newest inspection is of {newest_inspection}, {(today - newest_inspection).days} days ago: "
            "ask its publisher whether it has stopped, and see whether portal.dataset has moved.",
        )
    ]
    if newest_list is not None:
        ended = newest_list + WEEK
        facts.append(
            (
                *("newest_list", ended, "no new list"),
                f"The newest list is of the week of {newest_list}, which ended {(today - ended).days} days ago: see in "
                f"`{_PLACE}` why no later one was made, or run `make run`.",
            )
        )
    old = [fact for fact in facts if (today - fact[1]).days > after_days]
    if not old:
        return None
    # The days that have gone by are not among them: the same standstill is told once.
    details = {"data": data, **{name: day.isoformat() for name, day, _, _ in old}}
    subject = f"Food inspections ({data}): {' and '.join(what for _, _, what, _ in old)}"
    return Alert(STALE_DATA, subject, "\n".join(words for *_, words in old), details)
