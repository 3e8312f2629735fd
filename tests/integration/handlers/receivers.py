"""Receivers on this machine: an HTTP server and a mail server that behave as a test says."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[socket.socket], None]


def says(*parts: bytes) -> Answer:
    """Return an answer that is sent as it is."""

    def answer(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return answer


def status(code: int) -> Answer:
    """Return an empty answer with that status."""
    return says(f"HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\n\r\n".encode())


@dataclass(frozen=True)
class Request:
    """What a webhook has sent."""

    line: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass
class Hook:
    """An HTTP server: each connection gets the next of its answers, the last one for ever."""

    port: int
    answers: list[Answer]
    requests: list[Request] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, scheme: str = "http", path: str = "/hooks?to=desk") -> str:
        return f"{scheme}://localhost:{self.port}{path}"

    def serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            request = _request(lines)
        self.requests.append(request)
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(connection)


@dataclass
class Letter:
    """What was handed in to the mail server."""

    sender: str
    receivers: list[str]
    text: bytes


@dataclass
class PostOffice:
    """A mail server. `rejects` maps the first word of a command to the answer it gets."""

    port: int
    context: ssl.SSLContext | None = None
    rejects: dict[str, str] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        self.converse(connection)

    def converse(self, connection: socket.socket) -> None:
        letter = Letter("", [], b"")
        lines = connection.makefile("rb")
        while line := lines.readline():
            words = line.decode().strip()
            self.heard.append(words)
            word = words.partition(" ")[0].upper()
            if word in self.rejects:
                connection.sendall(f"{self.rejects[word]}\r\n".encode())
            elif word == "EHLO":
                offered = "250-STARTTLS\r\n" if self.context else ""
                connection.sendall(f"250-here\r\n{offered}250 AUTH PLAIN\r\n".encode())
            elif word == "STARTTLS" and self.context is not None:
                connection.sendall(b"220 go on\r\n")
                with self.context.wrap_socket(connection, server_side=True) as wrapped:
                    self.converse(wrapped)
                return
            elif word == "DATA":
                connection.sendall(b"354 go on\r\n")
                letter.text = b"".join(iter(lines.readline, b".\r\n"))
                self.letters.append(letter)
                connection.sendall(b"250 taken\r\n")
            else:
                address = words.partition("<")[2].partition(">")[0]
                if word == "MAIL":
                    letter.sender = address
                elif word == "RCPT":
                    letter.receivers.append(address)
                answer = {"AUTH": b"235 welcome", "QUIT": b"221 bye"}.get(word, b"250 well")
                connection.sendall(answer + b"\r\n")


@contextmanager
def listening(receiver: Hook | PostOffice, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    """Have a receiver answer, one connection after another, until the block ends."""
    server = socket.create_server(("127.0.0.1", 0))
    receiver.port = server.getsockname()[1]

    def work() -> None:
        while not receiver.ended.is_set():
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    if receiver.ended.is_set():
                        return  # it was only woken
                    connection.settimeout(20)
                    if tls is not None:
                        with tls.wrap_socket(connection, server_side=True) as wrapped:
                            receiver.serve(wrapped)
                    else:
                        receiver.serve(connection)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        receiver.ended.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", receiver.port), timeout=5).close()
        thread.join(20)
        server.close()
        assert not thread.is_alive()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for localhost; return it and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, private = folder / "cert.pem", folder / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return path, context


def _request(lines: BinaryIO) -> Request:
    line = lines.readline().decode().strip()
    headers: dict[str, str] = {}
    while header := lines.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = lines.read(int(headers.get("content-length", "0")))
    return Request(line, headers, body)
