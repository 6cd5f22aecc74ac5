"""Sends what MLflow does not have yet: each fact once, by the tags of the runs that hold them.

A run of MLflow stands for one recipe (model group and label) and the range of weeks that was sent at once; steps are
weeks. It is open until all of its facts are there, so what broke off goes on in the same run. Its tags name the facts
that it holds, and are sent after them: a fact that was half sent is sent again, to the same steps and files.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking import facts, registry
from food_inspections_dagster.tracking.client import RUN_NAME, Client, connected, place
from food_inspections_dagster.tracking.facts import Fact, Key
from food_inspections_dagster.tracking.stored_facts import StoredFacts

#: Facts that are sent between two looks at the clock.
AT_ONCE = 20
PREFIX = "food_inspections"
#: Longest value of a tag in MLflow.
MOST_LETTERS = 5_000
Runs = dict[tuple[str, str, str], Any]


@dataclass(frozen=True)
class Outcome:
    """What was sent, and what waits.

    Attributes:
        aliases: registered models whose aliases were moved.
        problem: why something waits, in a sentence; empty where nothing does.
    """

    where: str
    sent: int = 0
    waiting: int | None = 0
    aliases: tuple[str, ...] = ()
    problem: str = ""

    @property
    def sentence(self) -> str:
        """The outcome for a person."""
        moved = f" Now {', '.join(self.aliases)}." if self.aliases else ""
        if not self.problem:
            what = f"{self.sent} fits, decisions and evaluations were sent" if self.sent else "everything is there"
            return f"Tracked by MLflow at {self.where}: {what}.{moved}"
        waits = "" if self.waiting is None else f" {self.waiting} fits, decisions and evaluations wait."
        return f"{self.problem}{waits}{moved}"


def bring_up_to_date(
    settings: Settings,
    stored: Stored,
    ledger: Ledger,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> Outcome | None:
    """Send what is missing, and let the aliases follow the decision and the published list.

    It raises nothing: whoever makes lists calls it at the end, and is told by the outcome.

    Args:
        seconds: longest wait; what was not sent by then waits for the next call. None: as long as it takes.
        say: hears of the progress.

    Returns:
        None where nothing is tracked.
    """
    if not settings.tracking.uri.get_secret_value():
        return None
    work = _Work(settings, stored, ledger, say, None if seconds is None else time.monotonic() + seconds)
    # In a thread that can be left behind: a server that sends a byte now and then holds a request for ever.
    thread = threading.Thread(target=work, name="tracking", daemon=True)
    thread.start()
    # Between two requests the clock is looked at; the rest is for the one that hangs.
    thread.join(None if seconds is None else seconds + 2 * settings.tracking.timeout_seconds)
    return work.outcome()


@dataclass
class _Work:
    """One attempt."""

    settings: Settings
    stored: Stored
    ledger: Ledger
    say: Callable[[str], None]
    until: float | None
    sent: int = 0
    waiting: int | None = None
    aliases: list[str] = field(default_factory=list)
    problem: str = ""
    ended: bool = False
    runs: Runs = field(default_factory=dict)
    holders: dict[str, Any] = field(default_factory=dict)

    def outcome(self) -> Outcome:
        where = place(self.settings.tracking)
        late = "" if self.ended else f"MLflow at {where} did not answer within tracking.run_seconds: {_REST}."
        return Outcome(where, self.sent, self.waiting, tuple(self.aliases), self.problem or late)

    def __call__(self) -> None:
        self.problem = self._attempt()
        self.ended = True

    def _attempt(self) -> str:
        try:
            with self.stored.database.connect() as connection:
                # Two at once would begin two runs for the same facts.
                row = connection.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('tracking', 0))").fetchone()
                if row != (True,):
                    return "Another process is sending to MLflow: it sends what there is."
                with connected(self.settings.tracking) as client:
                    self._send(client)
            return f"Tracking takes longer than tracking.run_seconds: {_REST}." if self.waiting else ""
        except FoodInspectionsError as error:
            return str(error)
        except Exception as error:  # whatever it is, the list is made, and somebody is to know
            return f"Tracking failed ({type(error).__name__} in {_where(error)}): please report it."

    def _send(self, client: Client) -> None:
        there = StoredFacts(self.stored, self.ledger, self.settings)
        selected, published = there.selected(), there.published()
        experiment = client.experiment(self.settings.experiment)
        for run in client.runs(experiment):
            self.holders.update(dict.fromkeys((tag for tag in run.data.tags if "." in tag), run))
            if run.info.status == "RUNNING" and f"{PREFIX}.recipe" in run.data.tags:
                self.runs[_run_key(run)] = run
        in_use = dict.fromkeys([*selected.values(), *published.values()])
        everything = dict.fromkeys([*there.all_keys(), *in_use])
        missing = [key for key in everything if key.tag not in self.holders]
        self.waiting = len(missing)
        # What is served first: the models in use, and the aliases that name them.
        self._send_facts(client, experiment, there, [key for key in missing if key in in_use])
        if all(key.tag in self.holders for key in in_use):
            self.aliases += registry.follow(
                client, self.settings, there, {key: self.holders[key.tag] for key in in_use}, selected, published
            )
        self._send_facts(client, experiment, there, [key for key in missing if key not in in_use])
        if not self.waiting:
            for run in self.runs.values():
                client.finish(run.info.run_id)

    def _send_facts(self, client: Client, experiment: str, there: StoredFacts, keys: Sequence[Key]) -> None:
        by_run: dict[tuple[str, str, str], list[Fact]] = {}
        for fact in there.read(keys):
            by_run.setdefault(fact.run_key, []).append(fact)
        for run_key, of_run in by_run.items():
            for start in range(0, len(of_run), AT_ONCE):
                if self.until is not None and time.monotonic() > self.until:
                    return
                self._send_part(client, experiment, run_key, of_run[start : start + AT_ONCE])

    def _send_part(self, client: Client, experiment: str, run_key: tuple[str, str, str], part: Sequence[Fact]) -> None:
        run = self.runs.get(run_key)
        if run is None:
            tags = {**_identity(run_key), f"{PREFIX}.data": self.settings.data_name}
            run = client.create_run(experiment, _name(run_key, [f.key for f in part]), tags, part[0].recipe)
            self.runs[run_key] = run
        run_id = run.info.run_id
        files = {
            path: content for fact in part for path, content in {**fact.files(), **facts.source_file(fact)}.items()
        }
        metrics = [
            (name, value, facts.timestamp(fact.key.week), facts.step(fact.key.week))
            for fact in part
            for name, value in fact.metrics.items()
        ]
        client.log(run_id, metrics, files)
        client.log_datasets(run_id, sorted({fact.dataset for fact in part if fact.dataset}))
        client.tag(run_id, self._tags(run, part))
        self.holders.update({fact.key.tag: run for fact in part})
        self.sent += len(part)
        self.waiting = (self.waiting or 0) - len(part)
        self.say(f"{self.sent} fits, decisions and evaluations sent to MLflow")

    def _tags(self, run: Any, part: Sequence[Fact]) -> dict[str, str]:
        """Return the tags of a run with some facts more."""
        tags = run.data.tags
        tags |= {fact.key.tag: str(fact.key.week) for fact in part}
        weeks = sorted({value for tag, value in tags.items() if tag.split(".")[0] in facts.KINDS})
        dagster_runs = {*tags.get("dagster_run_ids", "").split(), *(f.source.get("dagster_run_id", "") for f in part)}
        tags["dagster_run_ids"] = " ".join(sorted(dagster_runs)).strip()[:MOST_LETTERS]
        tags |= {f"{PREFIX}.first_week": weeks[0], f"{PREFIX}.last_week": weeks[-1]}
        group, label, _ = _run_key(run)
        tags[RUN_NAME] = f"{group} {label} {weeks[0]} to {weeks[-1]}"
        return dict(tags)


_REST = "the rest is sent by the next run, or by `food-inspections track`"


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "an unknown place"


def _identity(run_key: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip((f"{PREFIX}.model_group", f"{PREFIX}.label", f"{PREFIX}.recipe"), run_key, strict=True))


def _run_key(run: Any) -> tuple[str, str, str]:
    group, label, recipe = (run.data.tags[f"{PREFIX}.{name}"] for name in ("model_group", "label", "recipe"))
    return group, label, recipe


def _name(run_key: tuple[str, str, str], keys: Iterable[Key]) -> str:
    first, last = facts.span(keys)
    return f"{run_key[0]} {run_key[1]} {first} to {last}"
