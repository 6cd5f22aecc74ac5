"""The sensors against a real instance of Dagster and real receivers, asked again and again as the daemon does."""

from datetime import date, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from food_inspections_dagster.defs.automation.alerts import alert_sensors
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import CHICAGO
from food_inspections_dagster_tests.receivers import mail_server, webhook

pytestmark = pytest.mark.usefixtures("project_settings")

ALL = ("run_failure", "failed_check", "warning", "drift", "stale_data")
NOTHING = "Nothing new to tell."
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PORTAL = {"url": "http://127.0.0.1:8123", "name": "simulated-test"}


@dg.asset(name="drift", check_specs=[dg.AssetCheckSpec("no_drift", asset="drift")])
def drifting():
    yield dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                passed=False, check_name="no_drift", severity=dg.AssetCheckSeverity.WARN, description="age has moved."
            )
        ]
    )


@dg.asset(name="inspections", check_specs=[dg.AssetCheckSpec(name, asset="inspections") for name in ("a", "b")])
def inspected():
    yield dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(passed=True, check_name="a"),
            dg.AssetCheckResult(passed=False, check_name="b", description="A column is missing."),
        ]
    )


@dg.asset(name="lists")
def failing():
    raise FoodInspectionsError("The disk is full: make room.")


class Daemon:
    """The sensors of a configuration on one instance, each with the cursor that it left."""

    def __init__(self, instance, **alerts):
        self.instance, self.cursors, self.words = instance, {}, {}
        self.clock = datetime(2026, 1, 26, 9, tzinfo=CHICAGO)
        self.newest_day, self.lists = date(2026, 1, 23), {date(2026, 1, 19): None}
        self.portal = SimpleNamespace(date_range=lambda: (date(2010, 1, 4), self.newest_day))
        self.configure(**alerts)

    def configure(self, **alerts):
        """Take other settings, as after a restart."""
        given = {"events": list(ALL), **alerts}
        sensors = alert_sensors(load_settings({"portal": PORTAL, "alerts": given}), lambda: self.clock)
        self.sensors = {sensor.name: sensor for sensor in sensors}

    def tick(self):
        """Evaluate each sensor once."""
        ledger = SimpleNamespace(snapshot=lambda assets: SimpleNamespace(loads={"scores": self.lists}))
        for name, sensor in self.sensors.items():
            resources = {"portal": self.portal, "ledger": ledger} if name == "stale_data_alerts" else {}
            with dg.build_sensor_context(
                instance=self.instance, cursor=self.cursors.get(name), resources=resources
            ) as context:
                answer = sensor.evaluate_tick(context)
            assert not answer.run_requests
            self.cursors[name], self.words[name] = answer.cursor, answer.skip_message

    def materialize(self, *assets, **tags):
        return dg.materialize(assets, instance=self.instance, run_config=QUIET, raise_on_error=False, tags=tags)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def hook():
    with webhook() as receiver:
        yield receiver


def mail_to(receiver):
    return {
        "host": "127.0.0.1", "port": receiver.port, "security": "none", "sender": "a@example.org",
        "recipients": ["b@example.org"],
    }  # fmt: skip


def test_without_a_receiver_there_are_no_sensors():
    assert alert_sensors(load_settings({"portal": PORTAL})) == []


@pytest.mark.parametrize(
    ("events", "names"),
    [
        (["run_failure"], ["run_failure_alerts"]),
        (["drift"], ["check_alerts"]),
        (["stale_data", "warning"], ["check_alerts", "stale_data_alerts"]),
    ],
)
def test_only_what_is_asked_for_is_watched(events, names):
    alerts = {"webhook_url": "https://hooks.example.org/x", "events": events}
    sensors = alert_sensors(load_settings({"portal": PORTAL, "alerts": alerts}))
    assert [sensor.name for sensor in sensors] == names
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.RUNNING}


def test_what_happened_before_is_not_told_and_what_happens_then_is_told_once(instance, hook):
    daemon = Daemon(instance, webhook_url=hook.url)
    daemon.materialize(failing)
    daemon.tick()
    assert hook.alerts == []
    week = {"dagster/asset_partition_range_start": "2026-01-12", "dagster/asset_partition_range_end": "2026-01-19"}
    run_id = daemon.materialize(failing, **week).run_id
    daemon.tick()
    (alert,) = hook.alerts
    assert alert["event"] == "run_failure" and alert["details"]["run_id"] == run_id
    assert "for 2026-01-12 to 2026-01-19 failed" in alert["subject"]
    assert "Stage lists failed: The disk is full: make room." in alert["text"]
    daemon.tick()
    assert len(hook.alerts) == 1 and set(daemon.words.values()) == {NOTHING}


def test_failed_checks_of_a_look_are_one_alert(instance, hook):
    daemon = Daemon(instance, webhook_url=hook.url)
    daemon.tick()
    daemon.materialize(inspected, drifting)
    daemon.tick()
    (alert,) = hook.alerts
    assert alert["event"] == "failed_check"
    assert alert["details"]["checks"] == "inspections.b, drift.no_drift", "the one that passed is no news"
    assert "- ERROR b of inspections: A column is missing." in alert["text"]
    daemon.tick()
    assert len(hook.alerts) == 1


def test_checks_that_nobody_asked_for_are_passed_over(instance, hook):
    daemon = Daemon(instance, webhook_url=hook.url, events=["drift"])
    daemon.tick()
    daemon.materialize(inspected)
    daemon.tick()
    assert hook.alerts == []
    daemon.materialize(drifting)
    daemon.tick()
    assert [alert["details"]["checks"] for alert in hook.alerts] == ["drift.no_drift"]


def test_a_receiver_that_is_down_holds_nobody_up_and_is_told_later(instance, hook):
    with mail_server() as mail:
        daemon = Daemon(instance, webhook_url=hook.url, mail=mail_to(mail))
        daemon.tick()
        hook.status = 503
        first = daemon.materialize(failing).run_id
        daemon.tick()
        assert hook.alerts == [] and len(mail.mails) == 1
        assert "answered 503" in daemon.words["run_failure_alerts"]
        assert "tried again at the next tick" in daemon.words["run_failure_alerts"]
        assert "secret" not in f"{daemon.words} {daemon.cursors}"
        second = daemon.materialize(failing).run_id
        daemon.tick()
        assert hook.alerts == [] and len(mail.mails) == 2
        hook.status = 200
        daemon.tick()
        assert [alert["details"]["run_id"] for alert in hook.alerts] == [first, second], "in their order"
        daemon.tick()
        assert len(hook.alerts) == len(mail.mails) == 2


def test_a_channel_that_is_added_begins_with_what_happens_then(instance, hook):
    daemon = Daemon(instance, webhook_url=hook.url)
    daemon.tick()
    daemon.materialize(failing)
    with mail_server() as mail:
        daemon.configure(webhook_url=hook.url, mail=mail_to(mail))
        daemon.tick()
        assert (len(hook.alerts), len(mail.mails)) == (1, 0)
        daemon.materialize(failing)
        daemon.tick()
        assert (len(hook.alerts), len(mail.mails)) == (2, 1)


def test_a_standstill_is_told_once_and_again_when_it_is_another(instance, hook):
    daemon = Daemon(instance, webhook_url=hook.url, stale_after_days=10)
    daemon.tick()
    assert hook.alerts == []
    daemon.clock = datetime(2026, 2, 3, 9, tzinfo=CHICAGO)
    daemon.tick()
    daemon.clock = datetime(2026, 2, 4, 9, tzinfo=CHICAGO)
    daemon.tick()
    (alert,) = hook.alerts
    assert alert["event"] == "stale_data" and "2026-01-23, 11 days ago" in alert["text"]
    daemon.newest_day, daemon.lists = date(2026, 2, 3), {date(2026, 1, 26): None}
    daemon.tick()
    assert len(hook.alerts) == 1
    daemon.clock = datetime(2026, 2, 14, 9, tzinfo=CHICAGO)
    daemon.tick()
    assert len(hook.alerts) == 2
    assert hook.alerts[1]["details"] == {
        "data": "simulated-test", "newest_inspection": "2026-02-03", "newest_list": "2026-02-02"
    }  # fmt: skip


def test_a_standstill_that_could_not_be_told_is_tried_again(instance, hook):
    daemon = Daemon(instance, webhook_url=hook.url)
    daemon.newest_day, hook.status = date(2025, 12, 1), 500
    daemon.tick()
    assert hook.alerts == [] and "answered 500" in daemon.words["stale_data_alerts"]
    hook.status = 200
    daemon.tick()
    daemon.tick()
    assert len(hook.alerts) == 1


def test_a_portal_that_does_not_answer_once_is_no_standstill(instance, hook):
    def silent():
        raise FoodInspectionsError("The portal does not answer.")

    daemon = Daemon(instance, webhook_url=hook.url)
    daemon.newest_day = date(2025, 12, 1)
    daemon.tick()
    before = daemon.cursors["stale_data_alerts"]
    daemon.portal = SimpleNamespace(date_range=silent)
    daemon.tick()
    assert daemon.words["stale_data_alerts"] == "The portal does not answer."
    assert daemon.cursors["stale_data_alerts"] == before and len(hook.alerts) == 1
