"""Where alerts go: a webhook, or mail. No error says where that is, for the address of a webhook is its password."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol

import requests

from food_inspections_dagster.digests import digest
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import Alerts, Mail


@dataclass(frozen=True)
class Alert:
    """What people are to know.

    Attributes:
        event: the setting that asks for it, such as ``run_failure``.
        subject: in one line.
        text: in sentences.
        details: the same for machines.
    """

    event: str
    subject: str
    text: str
    details: dict[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """One way to people."""

    @property
    def name(self) -> str:
        """Its name in the cursors of sensors."""
        ...

    def send(self, alert: Alert) -> None:
        """Deliver an alert.

        Raises:
            FoodInspectionsError: where that is not certain.
        """
        ...


@dataclass(frozen=True)
class WebhookChannel:
    """Posts JSON of ``text``, which chat programs show, and event, subject and details."""

    url: str = field(repr=False)
    timeout_seconds: float
    name: str = "webhook"

    def send(self, alert: Alert) -> None:
        """Post it; any answer but 2xx counts as not delivered."""
        content = {
            "text": f"{alert.subject}\n{alert.text}",
            "event": alert.event,
            "subject": alert.subject,
            "details": alert.details,
        }
        try:
            answer = requests.post(self.url, json=content, timeout=self.timeout_seconds, allow_redirects=False)
        except requests.RequestException as error:
            raise FoodInspectionsError(
                f"The webhook of alerts cannot be reached ({type(error).__name__}): see alerts.webhook_url."
            ) from None
        if not 200 <= answer.status_code < 300:
            raise FoodInspectionsError(
                f"The webhook of alerts answered {answer.status_code}: see alerts.webhook_url and its receiver."
            )


@dataclass(frozen=True)
class MailChannel:
    """Sends mail by SMTP."""

    mail: Mail
    timeout_seconds: float
    name: str = "mail"

    def send(self, alert: Alert) -> None:
        """Send it to all recipients at once; one that is refused counts as not delivered."""
        message = EmailMessage()
        message["Subject"] = " ".join(alert.subject.split())
        message["From"], message["To"] = self.mail.sender, ", ".join(self.mail.recipients)
        # The same alert has the same id: who gets it twice, after a crash, sees it once.
        domain = str(self.mail.sender).split("@")[-1]
        message["Message-ID"] = f"<{digest([alert.subject, alert.text, alert.details])}@{domain}>"
        message.set_content(alert.text)
        try:
            with self._connected() as server:
                refused = server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise FoodInspectionsError(
                f"The mail server of alerts did not take one ({type(error).__name__}): see alerts.mail."
            ) from None
        if refused:
            raise FoodInspectionsError(
                f"The mail server of alerts refused {len(refused)} of {len(self.mail.recipients)} recipients: see "
                "alerts.mail.recipients."
            )

    def _connected(self) -> smtplib.SMTP:
        host, port = str(self.mail.host), self.mail.port
        context = ssl.create_default_context()
        if self.mail.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=self.timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=self.timeout_seconds)
        try:
            if self.mail.security == "starttls":
                server.starttls(context=context)
            if self.mail.user is not None and self.mail.password is not None:
                server.login(self.mail.user, self.mail.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


def channels(settings: Alerts) -> list[Channel]:
    """Return the channels that the settings ask for; none by default."""
    out: list[Channel] = []
    if settings.webhook_url is not None:
        out.append(WebhookChannel(settings.webhook_url.get_secret_value(), settings.timeout_seconds))
    if settings.mail.host is not None:
        out.append(MailChannel(settings.mail, settings.timeout_seconds))
    return out
