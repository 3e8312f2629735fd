"""E-mails, to a real mail server that does as it likes."""

from __future__ import annotations

import email
import email.policy
import socket
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from tests.builders import ORDER_ID, canceled, filled
from tests.integration.handlers.receivers import PostOffice, certificate, listening
from tests.unit.infrastructure.handlers.feeding import recorded
from traderbot.application.errors import NotDeliveredError
from traderbot.application.ports.recorded import DomainEvent
from traderbot.infrastructure.handlers.mail import Mail, MailServer, Security
from traderbot.infrastructure.handlers.notice import Notice, sentence_of


@pytest.fixture
def office() -> Iterator[PostOffice]:
    receiver = PostOffice(0)
    with listening(receiver):
        yield receiver


def a_notice(event: DomainEvent | None = None) -> Notice:
    fact = recorded(event or filled(price="100.5"), 7)
    return Notice(token="token-1", recorded=fact, sentence=sentence_of(fact.event), event=b"")


def mail(
    office: PostOffice,
    *,
    security: Security = "none",
    seconds: float = 10,
    username: str | None = None,
) -> Mail:
    server = MailServer(
        host="localhost",
        port=office.port,
        sender="bot@example.org",
        to=("desk@example.org", "boss@example.org"),
        security=security,
        username=username,
        password=username and "a password",
    )
    return Mail(server, seconds)


def test_an_event_is_handed_in_as_an_e_mail(office: PostOffice) -> None:
    assert mail(office).deliver(a_notice()) == "<token-1@traderbot>"
    (letter,) = office.letters
    assert (letter.sender, letter.receivers) == (
        "bot@example.org",
        ["desk@example.org", "boss@example.org"],
    )
    message = email.message_from_bytes(letter.text, policy=email.policy.default)
    assert message["From"] == "bot@example.org"
    assert message["To"] == "desk@example.org, boss@example.org"
    assert message["Message-ID"] == "<token-1@traderbot>"
    assert message["Subject"].startswith(f"traderbot: order {ORDER_ID}: 10 filled")
    text = message.get_content()
    assert "10 filled at 100.5, fee 0 USD" in text
    assert "log index    7" in text


def test_a_reason_with_line_breaks_adds_no_header(office: PostOffice) -> None:
    hostile = canceled(
        reason="x\r\nBcc: thief@example.org\r\n\r\n.\r\nMAIL FROM:<a@b>\u2028\0 \u263a"
    )
    mail(office).deliver(a_notice(hostile))
    (letter,) = office.letters
    message = email.message_from_bytes(letter.text, policy=email.policy.default)
    assert message["Bcc"] is None
    assert "Bcc: thief" in message["Subject"]
    assert letter.receivers == ["desk@example.org", "boss@example.org"]


@pytest.mark.parametrize(
    ("word", "answer", "said"),
    [
        ("MAIL", "550 not you", "SMTPSenderRefused 550"),
        ("RCPT", "550 not them", "SMTPRecipientsRefused"),
        ("DATA", "451 not now", "SMTPDataError 451"),
        ("EHLO", "garbage", "SMTP"),
    ],
)
def test_what_the_server_refuses_is_a_failure(
    office: PostOffice, word: str, answer: str, said: str
) -> None:
    office.rejects[word] = answer
    office.rejects["HELO"] = "500 no"
    with pytest.raises(NotDeliveredError, match=said):
        mail(office).deliver(a_notice())
    assert office.letters == []


def test_a_password_is_not_sent_where_the_server_cannot_encrypt(office: PostOffice) -> None:
    with pytest.raises(NotDeliveredError, match="SMTPNotSupportedError"):
        mail(office, security="starttls", username="bot").deliver(a_notice())
    assert not any("AUTH" in line for line in office.heard)


def test_a_login_that_fails_does_not_tell_the_password(office: PostOffice) -> None:
    secret = b64encode(b"\0bot\0a password").decode()
    office.rejects["AUTH"] = f"535 {secret} is wrong"
    with pytest.raises(NotDeliveredError, match="SMTPAuthenticationError 535") as caught:
        mail(office, username="bot").deliver(a_notice())
    assert secret not in str(caught.value)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_encrypted_server_whose_certificate_is_trusted_gets_login_and_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: Security
) -> None:
    path, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    receiver = PostOffice(0, context if security == "starttls" else None)
    with listening(receiver, context if security == "tls" else None):
        mail(receiver, security=security, username="bot").deliver(a_notice())
    assert len(receiver.letters) == 1
    before = receiver.heard.index("STARTTLS") if security == "starttls" else 0
    assert any("AUTH" in line for line in receiver.heard[before:])


def test_an_encrypted_server_whose_certificate_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    receiver = PostOffice(0, context)
    with (
        listening(receiver),
        pytest.raises(NotDeliveredError, match="SSLCertVerificationError"),
    ):
        mail(receiver, security="starttls", username="bot").deliver(a_notice())
    assert receiver.letters == []


def test_a_server_that_says_nothing_or_drips_is_given_up() -> None:
    release = Event()

    class Dripping(PostOffice):
        def serve(self, connection: socket.socket) -> None:
            while not release.wait(0.05):
                connection.sendall(b"2")

    receiver = Dripping(0)
    began = monotonic()
    with listening(receiver):
        try:
            with pytest.raises(NotDeliveredError, match="did not take it"):
                mail(receiver, seconds=0.5).deliver(a_notice())
        finally:
            release.set()
    assert monotonic() - began < 5


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(NotDeliveredError, match="ConnectionRefusedError"):
        mail(PostOffice(port)).deliver(a_notice())
