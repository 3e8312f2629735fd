"""Bodies that are no JSON of ours, headers that lie, bytes that are hardly HTTP."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.e2e.api.running import PASSWORD, Person, Server, an_order, answered, refused

GOOD = json.dumps({"amount": "1", "currency": "USD"})
BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "truncated": GOOD[:-1].encode(),
    "trailing garbage": GOOD.encode() + b"x",
    "two documents": GOOD.encode() * 2,
    "a comment": b"/* */" + GOOD.encode(),
    "trailing comma": b'{"amount": "1", "currency": "USD",}',
    "single quotes": GOOD.replace('"', "'").encode(),
    "invalid UTF-8": b'{"amount": "\xff\xfe", "currency": "USD"}',
    "overlong UTF-8": b'{"amount": "\xc0\xb1", "currency": "USD"}',
    "a surrogate in UTF-8": b'{"amount": "\xed\xa0\x80", "currency": "USD"}',
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-16 without a mark": GOOD.encode("utf-16-le"),
    "UTF-32": GOOD.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "NUL bytes": GOOD.encode() + b"\x00\x00",
    "lists 100 000 deep": b"[" * 100_000 + b"]" * 100_000,
    "lists 900 deep": b'{"amount": ' + b"[" * 450 + b"]" * 450 + b"}",
    "lists 20 deep": b'{"amount": ' + b"[" * 20 + b"]" * 20 + b"}",
    "objects 50 000 deep": b'{"a":' * 50_000,
    "100 000 keys": json.dumps({f"k{i}": 1 for i in range(80_000)}).encode(),
    "100 000 numbers": b'{"amount": [' + b"1," * 100_000 + b"1]}",
    "a name twice": b'{"amount": "1", "amount": "1", "currency": "USD"}',
    "a name twice, once escaped": b'{"amount": "1", "\\u0061mount": "2", "currency": "USD"}',
    "a name twice inside": b'{"amount": {"a": 1, "a": 1}, "currency": "USD"}',
    "NaN": b'{"amount": NaN, "currency": "USD"}',
    "Infinity in an unknown field": b'{"amount": "1", "currency": "USD", "x": Infinity}',
    "1e400": b'{"amount": 1e400, "currency": "USD"}',
    "5000 digits": b'{"amount": ' + b"9" * 5000 + b', "currency": "USD"}',
    "a lone surrogate as a name": b'{"amount": "1", "currency": "USD", "\\ud800": 1}',
    "a lone surrogate in a list": b'{"amount": ["\\udc00"], "currency": "USD"}',
    "a control as a name": b'{"amount": "1", "currency": "USD", "a\\u0000\\u001b[2J": 1}',
    "a long name": b'{"amount": "1", "currency": "USD", "' + b"n" * 100_000 + b'": 1}',
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a text": b'"amount"',
    "a list": b"[]",
    "a list of one": f"[{GOOD}]".encode(),
    "an empty object": b"{}",
}
WRITES = ["/auth/register", "/portfolios", "/portfolios/{id}/deposits", "/orders"]


@pytest.fixture(scope="module")
def portfolio_id(ada: Person) -> str:
    return str(ada.open_portfolio()["portfolio_id"])


@pytest.mark.parametrize("route", WRITES)
def test_no_body_breaks_the_server_or_writes_anything(
    route: str, ada: Person, server: Server, portfolio_id: str
) -> None:
    path = route.replace("{id}", portfolio_id)
    before = server.events()
    for name, content in BODIES.items():
        headers = {"Content-Type": "application/json", "Idempotency-Key": "a-key"}
        response = ada.client.post(path, content=content, headers=headers)
        error = refused(response)
        assert response.status_code in {413, 422}, (name, error)
        assert len(response.content) < 10_000, name
    assert server.events() == before


@pytest.mark.parametrize("route", WRITES)
def test_a_stranger_learns_nothing_of_a_bad_body(
    route: str, server: Server, portfolio_id: str
) -> None:
    if route == "/auth/register":
        return
    with server.client() as client:
        for content in (b"{", b'{"a": 1, "a": 1}', GOOD.encode()):
            headers = {"Content-Type": "application/json"}
            path = route.replace("{id}", portfolio_id)
            response = client.post(path, content=content, headers=headers)
            refused(response, 401, "NOT_AUTHENTICATED")


@pytest.mark.parametrize("declared", [True, False], ids=["with length", "chunked"])
def test_a_body_above_a_mebibyte_is_refused(declared: bool, ada: Person, server: Server) -> None:
    before = server.events()
    body = b'{"name": "' + b"a" * (1024 * 1024) + b'"}'
    parts = (body[i : i + 65_536] for i in range(0, len(body), 65_536))
    headers = {"Content-Type": "application/json"}
    response = ada.client.post("/portfolios", content=body if declared else parts, headers=headers)
    refused(response, 413, "BODY_TOO_LARGE")
    assert response.headers["Connection"] == "close"
    assert server.events() == before


TYPES = [
    None, "", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/jsonx",
    "application/vnd.api+json", "application/problem+json", "application/json, text/plain",
    "application/json; charset=latin-1", "application/json; boundary=x", "*/*", "json",
    "application/json;", "application/octet-stream",
]  # fmt: skip


@pytest.mark.parametrize("content_type", TYPES)
def test_a_body_of_another_type_is_refused(
    content_type: str | None, ada: Person, server: Server, portfolio_id: str
) -> None:
    before = server.events()
    headers = {"Idempotency-Key": "a-key"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    path = f"/portfolios/{portfolio_id}/deposits"
    response = ada.client.post(path, content=GOOD.encode(), headers=headers)
    refused(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert server.events() == before


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; Charset=UTF-8",
        'application/json;charset="utf-8"',
    ],
)
def test_json_in_utf_8_is_taken(content_type: str, ada: Person) -> None:
    content = '{"name": "Sparstrümpfe 積立 ❤"}'.encode()
    headers = {"Content-Type": content_type}
    shown = answered(ada.client.post("/portfolios", content=content, headers=headers), 201)
    assert shown["name"] == "Sparstrümpfe 積立 ❤"


def test_a_compressed_body_is_refused(ada: Person) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = ada.client.post("/portfolios", content=b"\x1f\x8b\x08\x00", headers=headers)
    refused(response, 415, "UNSUPPORTED_MEDIA_TYPE")


KEYS = ["", "a b", "a" * 256, "a\tb", "ä", "キー", '"a b"']


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("route", ["/orders", "/portfolios/{id}/deposits", "/portfolios"])
def test_a_malformed_idempotency_key_is_refused(
    key: str, route: str, ada: Person, server: Server, portfolio_id: str
) -> None:
    before = server.events()
    bodies = {"/orders": an_order(portfolio_id), "/portfolios": {"name": "savings"}}
    body = bodies.get(route, {"amount": "1", "currency": "USD"})
    headers = {b"Idempotency-Key": key.encode()}
    path = route.replace("{id}", portfolio_id)
    response = ada.client.post(path, json=body, headers=headers)
    refused(response, 400, "IDEMPOTENCY_KEY_INVALID")
    assert server.events() == before


@pytest.mark.parametrize("route", ["/orders", "/portfolios/{id}/deposits"])
def test_orders_and_transfers_need_one_idempotency_key(
    route: str, ada: Person, server: Server, portfolio_id: str
) -> None:
    before = server.events()
    path = route.replace("{id}", portfolio_id)
    refused(ada.client.post(path, json={}), 400, "IDEMPOTENCY_KEY_MISSING")
    two = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    body = an_order(portfolio_id) if route == "/orders" else json.loads(GOOD)
    response = ada.client.post(path, json=body, headers=two)
    refused(response, 400, "IDEMPOTENCY_KEY_INVALID")
    assert server.events() == before


@pytest.mark.parametrize(
    "key", ["'; DROP TABLE idempotency; --".replace(" ", "_"), "~!@#$%^&*()", "a" * 255]
)
def test_any_printable_key_will_do(key: str, ada: Person, portfolio_id: str) -> None:
    path = f"/portfolios/{portfolio_id}/deposits"
    once, twice = (answered(ada.post(path, json.loads(GOOD), key), 201) for _ in range(2))
    assert once == twice


METHODS = ["PUT", "PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND", "COPY", "LOCK"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/orders", "GET, POST"),
        ("/orders/0199a1b2-0000-7000-8000-000000000003", "DELETE, GET, PATCH"),
        ("/portfolios", "GET, POST"),
        ("/auth/token", "POST"),
        ("/users/me", "GET"),
        ("/health", "GET"),
    ],
)
def test_another_method_is_refused_with_those_there_are(
    method: str, path: str, allowed: str, ada: Person
) -> None:
    if method in allowed:
        method = "PROPFIND"  # where it is one of those there are
    response = ada.client.request(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed
    if method != "HEAD":
        refused(response, 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_cannot_be_overridden(header: str, ada: Person, portfolio_id: str) -> None:
    order = ada.place(portfolio_id)
    path = f"/orders/{order['order_id']}"
    assert answered(ada.get(path, headers={header: "DELETE"}), 200)["status"] == "approved"


PATHS = [
    "//", "/orders/", "//orders", "/Orders", "/ORDERS", "/orders;a=b", "/orders%2f", "/orders%00",
    "/./orders", "/../orders", "/orders/../portfolios", "/%2e%2e/etc/passwd", "/" + "a" * 8000,
    "/favicon.ico", "/.env", "/admin", "/docs/oauth2-redirect", "/users/me/",
    "/health/live/..", "/openapi.yaml", "/orders/a/b/c", "/\u00e4".encode().decode("latin-1"),
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_where_it_should_not(path: str, server: Server) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = _exchange(server, head.encode("latin-1"))
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer[:200]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["success"] is False


HOSTS = [
    "evil.example", "localhost.evil.example", "evil.example:80", "localhost@evil.example",
    "localhost/evil", "localhost?x", "localhost#x", "localhost:99999999", "localhost:80:80", "",
    "[::1", "local host", "127.0.0.1.", "localhost,evil.example", "\u00e9",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_only_our_own_names_are_answered(host: str, server: Server) -> None:
    with server.client() as client:
        response = client.get("/health/live", headers={b"Host": host.encode("latin-1")})
        refused(response, 400)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000"])
def test_our_own_names_are_answered_on_any_port(host: str, server: Server) -> None:
    with server.client() as client:
        assert client.get("/health/live", headers={"Host": host}).status_code == 200


def test_what_a_proxy_would_say_is_not_believed(ada: Person) -> None:
    headers = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example",
        "X-Original-URL": "/health",
        "Range": "bytes=0-0," * 500 + "1-1",
    }
    assert answered(ada.get("/users/me", headers=headers), 200)["user_id"] == ada.user_id


RAW = {
    "no HTTP": b"hello\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
    b"Connection: close\r\n\r\n",
    "both lengths": b"POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    b"Content-Length: 5\r\n\r\nabcd",
    "a negative length": b"POST /auth/token HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: -1\r\n\r\n",
    "a huge length": b"POST /auth/token HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 99999999999\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
    "a lying chunk": b"POST /auth/token HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown method": b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a lower-case method": b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/0.9": b"GET /health/live\r\n\r\n",
    "HTTP/9.9": b"GET /health/live HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a long line": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "an endless header": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000,
    "many headers": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
    + b"".join(b"X-%d: a\r\n" % i for i in range(200))
    + b"\r\n",
    "a folded header": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "a bare line feed": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\x00\r\n\r\n",
    "NUL in a header": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", list(RAW))
def test_raw_bytes_are_refused_and_the_server_lives(name: str, server: Server) -> None:
    answer = _exchange(server, RAW[name])
    # Who is hung up on while still talking may not get to read why.
    assert answer.startswith(b"HTTP/1.1 4") or (not answer and len(RAW[name]) > 50_000)
    if answer:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["success"] is False
    with server.client() as client:
        assert client.get("/health/live").status_code == 200


def test_a_thousand_requests_in_one_go_are_answered_in_turn(server: Server) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = _exchange(server, one * 999 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 1000


def test_an_upgrade_is_not_offered(server: Server) -> None:
    asked = (
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b" 101 " not in _exchange(server, asked)


def _exchange(server: Server, content: bytes) -> bytes:
    """Send bytes and return what comes back until the server hangs up."""
    address = urlsplit(server.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
        answer = b""
        with suppress(ConnectionError):  # it may hang up while we still talk
            connection.sendall(content)
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
        return answer


FORMS: dict[str, tuple[bytes, str]] = {
    "JSON": (b'{"username": "a"}', "application/json"),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\na\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    "no type": (b"username=a&password=b", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", list(FORMS))
def test_a_login_is_an_url_encoded_form(name: str, server: Server) -> None:
    content, content_type = FORMS[name]
    with server.client() as client:
        headers = {"Content-Type": content_type}
        response = client.post("/auth/token", content=content, headers=headers)
        refused(response, 415, "UNSUPPORTED_MEDIA_TYPE")


LOGINS: dict[str, bytes] = {
    "empty": b"",
    "no password": b"username=a%40example.org",
    "no name": b"password=b",
    "a name twice": b"username=a&username=b&password=c",
    "another grant": b"grant_type=client_credentials&username=a&password=b",
    "many fields": b"&".join(b"f%d=1" % i for i in range(1000)),
    "a huge field": b"username=a&password=" + b"p" * 500_000,
    "broken escapes": b"username=%&password=%zz",
    "NUL": b"username=a%00%40example.org&password=b",
    "no UTF-8": b"username=%ff%fe&password=%ed%a0%80",
    "a surrogate": b"username=%ed%a0%80%40example.org&password=b",
    "SQL": b"username=%27%20OR%201%3D1--&password=b",
    "only separators": b"&&&&====&&&",
}


@pytest.mark.parametrize("name", list(LOGINS))
def test_no_login_breaks_the_server(name: str, server: Server) -> None:
    with server.client() as client:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response = client.post("/auth/token", content=LOGINS[name], headers=headers)
        refused(response)
        assert response.status_code in {400, 401, 422}


def test_a_password_that_the_policy_refuses_is_refused_with_a_code(server: Server) -> None:
    before = server.events()
    with server.client() as client:
        for password in ("short", "a" * 129, "correct horse\tbattery staple"):
            body = {"email": "weak@example.org", "password": password}
            error = refused(client.post("/auth/register", json=body), 422, "WEAK_PASSWORD")
            assert password not in error["message"]
    assert server.events() == before


def test_one_address_has_one_account_however_it_is_written(server: Server) -> None:
    with server.client() as client:
        body = {"email": "Grace@Example.org", "password": PASSWORD}
        assert (
            answered(client.post("/auth/register", json=body), 201)["email"] == "grace@example.org"
        )
        body["email"] = "grace@EXAMPLE.ORG"
        refused(client.post("/auth/register", json=body), 409, "EMAIL_TAKEN")


def test_the_server_is_still_well(server: Server) -> None:
    with httpx2.Client(base_url=server.url) as client:
        assert answered(client.get("/health/ready"), 200)["status"] == "ok"
