import socket

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.alert_channels import Alert, MailChannel, WebhookChannel, channels
from food_inspections_dagster.settings import Alerts, Mail
from food_inspections_dagster_tests.receivers import mail_server, webhook

ALERT = Alert("run_failure", "A run\nof weekly failed", "Stage lists failed: ünknown.\nIt says why.", {"run_id": "r1"})
EVENTS = {"events": ("run_failure",), "stale_after_days": 10, "timeout_seconds": 5.0}


def mail(port, **changed):
    given = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "inspections@example.org"}
    return Mail(**{**given, "recipients": ("planner@example.org", "engineer@example.org"), **changed})


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_without_a_receiver_there_is_no_channel():
    nobody = Mail(port=25, security="none", recipients=())
    assert channels(Alerts(mail=nobody, **EVENTS)) == []


def test_a_channel_for_each_receiver_and_no_secret_in_its_words():
    both = channels(Alerts(webhook_url="https://hooks.example.org/services/secret", mail=mail(25), **EVENTS))
    assert [channel.name for channel in both] == ["webhook", "mail"]
    assert "secret" not in repr(both)


def test_a_webhook_gets_a_text_for_people_and_the_rest_for_machines():
    with webhook() as receiver:
        WebhookChannel(receiver.url, 5).send(ALERT)
    (got,) = receiver.alerts
    assert got == {
        "text": f"{ALERT.subject}\n{ALERT.text}",
        "event": "run_failure",
        "subject": ALERT.subject,
        "details": {"run_id": "r1"},
    }


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_webhook_that_does_not_say_yes_has_not_got_it(status):
    """A redirection is not followed: it would carry the alert to whoever is named there."""
    with webhook() as receiver:
        receiver.status = status
        with pytest.raises(FoodInspectionsError, match=f"answered {status}") as refusal:
            WebhookChannel(receiver.url, 5).send(ALERT)
    assert "secret" not in str(refusal.value) and receiver.alerts == []


def test_a_webhook_that_is_down_is_named_without_its_url():
    with pytest.raises(FoodInspectionsError, match=r"ConnectionError.*alerts\.webhook_url") as refusal:
        WebhookChannel(f"http://127.0.0.1:{closed_port()}/services/secret", 5).send(ALERT)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None and refusal.value.__suppress_context__


def test_a_mail_goes_to_all_recipients_in_one_message():
    with mail_server() as receiver:
        MailChannel(mail(receiver.port), 5).send(ALERT)
    (got,) = receiver.mails
    assert got["Subject"] == "A run of weekly failed", "a line break in it would be another header"
    assert (got["From"], got["To"]) == ("inspections@example.org", "planner@example.org, engineer@example.org")
    assert got.get_payload(decode=True).decode().splitlines() == ALERT.text.splitlines()
    assert [one for one in receiver.commands if one.startswith("rcpt")] == [
        "rcpt TO:<planner@example.org>",
        "rcpt TO:<engineer@example.org>",
    ]


def test_the_same_alert_twice_is_the_same_message():
    with mail_server() as receiver:
        for _ in range(2):
            MailChannel(mail(receiver.port), 5).send(ALERT)
        MailChannel(mail(receiver.port), 5).send(Alert("run_failure", ALERT.subject, "Something else."))
    ids = [message["Message-ID"] for message in receiver.mails]
    assert len(ids) == 3 and len(set(ids)) == 2


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_mail_server_that_refuses_has_not_got_it(command):
    with mail_server() as receiver:
        receiver.refuses = command
        with pytest.raises(FoodInspectionsError, match=r"alerts\.mail"):
            MailChannel(mail(receiver.port), 5).send(ALERT)
    assert receiver.mails == []


def test_a_mail_server_that_is_down_is_an_error_in_our_words():
    with pytest.raises(FoodInspectionsError, match="ConnectionRefusedError"):
        MailChannel(mail(closed_port()), 5).send(ALERT)


def test_no_password_goes_to_a_server_that_does_not_encrypt():
    with mail_server() as receiver:
        channel = MailChannel(mail(receiver.port, security="starttls", user="me", password="hunter2"), 5)  # noqa: S106
        with pytest.raises(FoodInspectionsError, match="SMTPNotSupportedError"):
            channel.send(ALERT)
    assert not any(command.upper().startswith(("AUTH", "DATA")) for command in receiver.commands)
