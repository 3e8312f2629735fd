"""Events as e-mails, by the standard library."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal

from traderbot.application.errors import NotDeliveredError
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.handlers.deadline import hang_up_after
from traderbot.infrastructure.handlers.notice import Notice

_SUBJECT: Final = 120

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where e-mails are handed in, and from whom to whom they are."""

    host: str
    port: int
    sender: str
    to: Sequence[str]
    security: Security = "starttls"
    username: str | None = None
    password: str | None = None


class Mail:
    """`Channel` to a mail server. All receivers or none: one that is refused is a failure."""

    name = "mail"

    def __init__(self, server: MailServer, timeout_seconds: float) -> None:
        """Hand in at a server, each time on a connection of its own."""
        self._server = server
        self.longest_seconds = timeout_seconds

    def deliver(self, notice: Notice) -> str:
        """Hand the e-mail in; return its Message-ID. Raises NotDeliveredError."""
        message = self._message(notice)
        clients: list[smtplib.SMTP] = []
        try:
            with hang_up_after(self.longest_seconds, lambda: clients[0].sock if clients else None):
                self._hand_in(self._connect(clients), message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # What the server said may hold what was sent to it, so only its kind is told.
            msg = f"the mail server {self._server.host} did not take it: {_kind(error)}"
            raise NotDeliveredError(msg) from error
        finally:
            for client in clients:
                client.close()
        return str(message["Message-ID"])

    def _connect(self, clients: list[smtplib.SMTP]) -> smtplib.SMTP:
        """Return a client that was greeted; it is in the list before, so that it can be ended."""
        kind = _TlsClient if self._server.security == "tls" else _Client
        return kind(clients, self._server.host, self._server.port, self.longest_seconds)

    def _hand_in(self, client: smtplib.SMTP, message: EmailMessage) -> None:
        if self._server.security == "starttls":
            client.starttls(context=ssl.create_default_context())
        if self._server.username is not None:
            client.login(self._server.username, self._server.password or "")
        refused = client.send_message(message)
        if refused:
            msg = f"{len(refused)} of the receivers were refused"
            raise smtplib.SMTPException(msg)
        client.quit()

    def _message(self, notice: Notice) -> EmailMessage:
        recorded = notice.recorded
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = ", ".join(self._server.to)
        message["Subject"] = f"traderbot: {notice.sentence}"[:_SUBJECT]
        message["Date"] = format_datetime(recorded.recorded_at)
        # The same at every attempt, so that a second copy can be told.
        message["Message-ID"] = f"<{notice.token}@traderbot>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{notice.sentence}\n\n"
            f"type         {recorded.type}\n"
            f"event        {recorded.id}\n"
            f"stream       {recorded.stream}\n"
            f"log index    {recorded.position}\n"
            f"occurred at  {instant_text(recorded.occurred_at)}\n"
            f"recorded at  {instant_text(recorded.recorded_at)}\n"
        )
        return message


class _Client(smtplib.SMTP):
    """Connects when it is made, as its base does, and is known to others before that."""

    def __init__(self, clients: list[smtplib.SMTP], host: str, port: int, seconds: float) -> None:
        clients.append(self)
        super().__init__(host, port, timeout=seconds)


class _TlsClient(smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""

    def __init__(self, clients: list[smtplib.SMTP], host: str, port: int, seconds: float) -> None:
        clients.append(self)
        context = ssl.create_default_context()
        super().__init__(host, port, timeout=seconds, context=context)


def _kind(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
