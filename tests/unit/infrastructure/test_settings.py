"""The settings refuse what they do not understand, and what production must not be."""

import json
import os
import secrets
import stat
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from traderbot.infrastructure.settings import (
    ConfigurationError,
    Settings,
    load_settings,
    problems,
    variables,
)
from traderbot.infrastructure.settings_check import (
    is_sqlite_in_memory,
    looks_like_an_example,
    masked_url,
)
from traderbot.infrastructure.settings_log import drawn_seed, looks_typed, seed_of
from traderbot.infrastructure.settings_secret import SecretFileError, kept_secret
from traderbot.infrastructure.settings_view import describe, dotenv_example, markdown_table

ROOT = Path(__file__).parents[3]
GOOD_SECRET = "kG3nXo0vQm1sZt7uYb2wRc9dLe4fHj6pVi8aBx5y"
GOOD_KEY = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="  # of RFC 8032's first test


@pytest.fixture(autouse=True)
def _empty_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test in an empty folder, with nothing set."""
    for name in list(os.environ):
        if name.upper().startswith("TRADERBOT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def set_all(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"TRADERBOT_{name}", value)


def refusal(env_file: Path | None = Path(".env"), **arguments: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(env_file=env_file, arguments=arguments)
    return str(caught.value)


# ---- where values come from -------------------------------------------------------------------


def test_nothing_has_to_be_set_to_begin() -> None:
    settings = load_settings()
    assert settings.environment == "development"
    assert settings.trading.mode == "paper"
    assert settings.server.host == "127.0.0.1"
    assert settings.risk.order_notional_fraction == Decimal("0.10")
    assert settings.redis_url is None
    assert settings.database_url == f"sqlite:///{Path.cwd()}/traderbot-data/traderbot.db"


def test_an_argument_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "TRADERBOT_SERVER__PORT=1\nTRADERBOT_SERVER__HOST=file\nTRADERBOT_WRITER__MAX_BATCH=7\n"
    )
    set_all(monkeypatch, {"SERVER__PORT": "2", "SERVER__HOST": "environment"})
    settings = load_settings(arguments={"server": {"port": 3}})
    assert (settings.server.port, settings.server.host) == (3, "environment")
    assert settings.writer.max_batch == 7
    lines = {line.name: line.origin for line in describe(settings)}
    assert lines["TRADERBOT_SERVER__PORT"] == "argument"
    assert lines["TRADERBOT_SERVER__HOST"] == "environment"
    assert lines["TRADERBOT_WRITER__MAX_BATCH"] == ".env"
    assert lines["TRADERBOT_DEBUG"] == "default"
    assert lines["TRADERBOT_AUTH__SECRET_KEY"] == "default"


def test_names_are_read_without_regard_to_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("traderbot_writer__Max_Batch", "9")
    settings = load_settings()
    assert settings.writer.max_batch == 9
    assert settings.origin("TRADERBOT_WRITER__MAX_BATCH") == "environment"


def test_other_programs_may_share_the_file() -> None:
    Path(".env").write_text(
        "COMPOSE_PROJECT_NAME=desk\nDEBUG=yes\nRISK=x\nexport TRADERBOT_DEBUG=true\n"
    )
    assert load_settings().debug


def test_another_file_must_exist(tmp_path: Path) -> None:
    assert "production.env" in refusal(env_file=tmp_path / "production.env")
    (tmp_path / "production.env").write_text("TRADERBOT_SERVER__PORT=1234\n")
    assert load_settings(env_file=tmp_path / "production.env").server.port == 1234


def test_the_file_can_be_left_alone() -> None:
    Path(".env").write_text("TRADERBOT_SERVER__PORT=1234\n")
    assert load_settings(env_file=None).server.port == 8000


def test_an_empty_value_means_not_set_where_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, {"REDIS__URL": "", "DATABASE__URL": "", "SERVER__CORS_ORIGINS": ""})
    settings = load_settings()
    assert settings.redis_url is None
    assert settings.database_url.endswith("/traderbot.db")
    assert settings.server.cors_origins == ()


def test_lists_are_separated_by_commas_and_may_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        {
            "SERVER__CORS_ORIGINS": "https://a.example.org, http://localhost:3000",
            "SERVER__TRUSTED_HOSTS": '["a.example.org", "*.b.example.org"]',
        },
    )
    server = load_settings().server
    assert server.cors_origins == ("https://a.example.org", "http://localhost:3000")
    assert server.trusted_hosts == ("a.example.org", "*.b.example.org")


def test_decimals_keep_every_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"TRADING__FEE_BPS": "0.123456789012345678"})
    assert load_settings().trading.fee_bps == Decimal("0.123456789012345678")


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.debug = True
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1


# ---- names nobody knows -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("TRADERBOT_RISK_ORDER_NOTIONAL_MAX", "TRADERBOT_RISK__ORDER_NOTIONAL_MAX"),
        ("TRADERBOT_RISK__ORDER_NOTIONAL", "TRADERBOT_RISK__ORDER_NOTIONAL_MAX"),
        ("TRADERBOT_RISK__ORDER_NOTOINAL_MAX", "TRADERBOT_RISK__ORDER_NOTIONAL_MAX"),
        ("TRADERBOT__RISK__ORDER_NOTIONAL_MAX", "TRADERBOT_RISK__ORDER_NOTIONAL_MAX"),
        ("traderbot_server__prot", "TRADERBOT_SERVER__PORT"),
        ("TRADERBOT_AUTH_SECRET_KEY", "TRADERBOT_AUTH__SECRET_KEY"),
        ("TRADERBOT_ENVIROMENT", "TRADERBOT_ENVIRONMENT"),
        ("TRADERBOT_SERVER__PORT__", "TRADERBOT_SERVER__PORT"),
        ("TRADERBOT_SERVER__PORT__X", "TRADERBOT_SERVER__PORT"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_misspelt_name_stops_the_start_and_says_what_was_meant(
    typo: str, meant: str, in_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_file:
        Path(".env").write_text(f"{typo}=5\n")
    else:
        monkeypatch.setenv(typo, "5")
    message = refusal()
    assert f"{typo}: is set in {'.env' if in_file else 'the environment'}" in message
    assert f"did you mean {meant}?" in message
    assert problems()[0].name == typo


@pytest.mark.parametrize("section", ["RISK", "SERVER", "AUTH"])
@pytest.mark.parametrize("value", ['{"port": 1}', "not json", ""])
def test_a_whole_section_in_one_variable_is_no_name_we_know(
    section: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {section: value})
    assert f"TRADERBOT_{section}: is set in the environment, but no setting" in refusal()


def test_a_name_like_no_other_is_refused_without_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"ZZZZZZZZZZZZZZZZZZZZZZZZZZZZ": "1"})
    message = refusal()
    assert "TRADERBOT_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZ" in message
    assert "did you mean" not in message


def test_the_variables_of_the_test_run_are_none_of_our_business(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, {"TEST_POSTGRES_URL": "x", "TEST_REDIS_URL": "y"})
    assert problems() == []


def test_one_variable_in_two_spellings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADERBOT_DEBUG", "false")
    monkeypatch.setenv("traderbot_debug", "true")
    assert "TRADERBOT_DEBUG: is set 2 times in the environment" in refusal()


def test_one_variable_twice_in_the_file_is_refused() -> None:
    Path(".env").write_text("TRADERBOT_SERVER__PORT=1\nTRADERBOT_SERVER__PORT=2\n")
    assert "TRADERBOT_SERVER__PORT: is set 2 times in .env" in refusal()


@pytest.mark.parametrize("line", ["TRADERBOT_DEBUG", "TRADERBOT DEBUG=1", 'TRADERBOT_DEBUG="true'])
def test_a_line_of_the_file_that_sets_nothing_is_refused(line: str) -> None:
    Path(".env").write_text(f"# first\n{line}\n")
    message = refusal()
    assert ".env, line " in message
    assert "NAME=value" in message


def test_a_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"TRADERBOT_DEBUG=\xff\xfe\n")
    assert "not UTF-8" in refusal()


def test_an_argument_nobody_knows_is_refused() -> None:
    assert "TRADERBOT_RISK__TYPO: no setting has this name" in refusal(risk={"typo": 1})
    assert "TRADERBOT_TYPO: no setting has this name" in refusal(typo=1)


def test_every_problem_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"TYPO": "1", "SERVER__PORT": "http", "TRADING__FEE_BPS": "1e1"})
    names = [problem.name for problem in problems()]
    assert names == ["TRADERBOT_TYPO", "TRADERBOT_TRADING__FEE_BPS", "TRADERBOT_SERVER__PORT"]


# ---- values that make no sense ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("ENVIRONMENT", "Production"),
        ("ENVIRONMENT", ""),
        ("DEBUG", "maybe"),
        ("DATA__DIR", ""),
        ("DATA__DIR", "."),
        ("DATA__DIR", "what?"),
        ("DATABASE__URL", "orders.db"),
        ("DATABASE__URL", "mysql://host/db"),
        ("DATABASE__URL", "postgres://host/db"),
        ("DATABASE__URL", "postgresql+asyncpg://host/db"),
        ("REDIS__URL", "localhost:6379"),
        ("REDIS__URL", "http://localhost"),
        ("AUTH__SECRET_KEY", "short"),
        ("AUTH__SECRET_KEY", "x" * 31),
        ("AUTH__SECRET_KEY", "x" * 40 + "\udcff"),
        ("AUTH__ACCESS_TOKEN_SECONDS", "0"),
        ("AUTH__ACCESS_TOKEN_SECONDS", "901"),
        ("AUTH__ISSUER", ""),
        ("AUTH__AUDIENCE", "two words"),
        ("TRADING__MODE", "LIVE"),
        ("BROKER__VENUE", "Kraken!"),
        ("BROKER__CCXT__BASE_URL", "http://192.0.2.7:80"),
        ("BROKER__CCXT__BASE_URL", "https://127.0.0.1:80"),
        ("BROKER__ALPACA__BASE_URL", "http://127.0.0.1.example.org:80"),
        ("BROKER__ACCOUNT", "two words"),
        ("BROKER__WEIGHT_PER_MINUTE", "-1"),
        ("BROKER__CANCEL_RESERVE_PERCENT", "91"),
        ("TRADING__FEE_BPS", "-1"),
        ("TRADING__FEE_BPS", "1e1"),
        ("TRADING__FEE_BPS", "NaN"),
        ("TRADING__FEE_BPS", "1,5"),
        ("TRADING__FEE_BPS", "1_000"),
        ("TRADING__FEE_BPS", " 10"),
        ("TRADING__FEE_BPS", "\u0661\u0660"),
        ("TRADING__SLIPPAGE_BPS", "1000.1"),
        ("RISK__ORDER_NOTIONAL_MAX", "0"),
        ("RISK__ORDER_NOTIONAL_MAX", ""),
        ("RISK__ORDER_NOTIONAL_MAX", "Infinity"),
        ("RISK__ORDER_NOTIONAL_FRACTION", "10"),
        ("RISK__ORDER_NOTIONAL_FRACTION", "0.0"),
        ("RISK__MARKET_ORDER_CUSHION", "1.01"),
        ("WRITER__MAX_BATCH", "0"),
        ("SERVER__PORT", "65536"),
        ("SERVER__HOST", ""),
        ("SERVER__CORS_ORIGINS", "https://desk.example.org/"),
        ("SERVER__CORS_ORIGINS", "desk.example.org"),
        ("SERVER__CORS_ORIGINS", "null"),
        ("SERVER__CORS_ORIGINS", "https://*.example.org"),
        ("SERVER__CORS_ORIGINS", "[1, 2]"),
        ("SERVER__CORS_ORIGINS", "[not json"),
        ("SERVER__TRUSTED_HOSTS", ""),
        ("SERVER__TRUSTED_HOSTS", "https://desk.example.org"),
        ("SERVER__TRUSTED_HOSTS", "a.*.example.org"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {name: value})
    found = problems()
    assert {problem.name for problem in found} == {f"TRADERBOT_{name}"}
    assert all(problem.remedy for problem in found)


def test_live_orders_never_go_to_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"TRADING__MODE": "live"})
    assert "TRADERBOT_BROKER__VENUE: is paper, and trading is live" in refusal()


def test_a_venue_without_a_login_is_refused_by_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, {"BROKER__VENUE": "binance", "BROKER__CCXT__KEY": "k"})
    assert [it.name for it in problems()] == ["TRADERBOT_BROKER__CCXT__SECRET"]
    set_all(monkeypatch, {"BROKER__VENUE": "alpaca"})
    missing = ["TRADERBOT_BROKER__ALPACA__KEY", "TRADERBOT_BROKER__ALPACA__SECRET"]
    assert [it.name for it in problems()] == missing


def test_live_orders_of_production_go_through_no_gateway(production: pytest.MonkeyPatch) -> None:
    login = {"KEY": "k", "SECRET": "s", "BASE_URL": "http://127.0.0.1:7311"}
    named = {f"BROKER__CCXT__{name}": value for name, value in login.items()}
    set_all(production, {"TRADING__MODE": "live", "BROKER__VENUE": "binance", **named})
    assert "TRADERBOT_BROKER__CCXT__BASE_URL: is set in production" in refusal()


@pytest.mark.parametrize("value", [10.0, 0.1, float("nan"), True, None, Decimal("NaN"), [1]])
def test_a_float_is_no_decimal(value: object) -> None:
    assert "floats are refused" in refusal(trading={"fee_bps": value})


@pytest.mark.parametrize("value", ["0.10", Decimal("0.10"), 1])
def test_text_decimals_and_whole_numbers_are_decimals(value: object) -> None:
    risk = load_settings(arguments={"risk": {"order_notional_fraction": value}}).risk
    assert isinstance(risk.order_notional_fraction, Decimal)
    assert str(risk.order_notional_fraction) == str(value)


# ---- production -------------------------------------------------------------------------------


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set what production needs; each test then spoils one thing."""
    set_all(
        monkeypatch,
        {
            "ENVIRONMENT": "production",
            "AUTH__SECRET_KEY": GOOD_SECRET,
            "AUDIT__SIGNING_KEY": GOOD_KEY,
            "ENCRYPTION__KEY": GOOD_KEY,
        },
    )
    return monkeypatch


def test_production_starts_with_a_real_secret(production: pytest.MonkeyPatch) -> None:
    assert problems() == []
    assert load_settings().signing_key() == GOOD_SECRET.encode()
    assert not Path("traderbot-data").exists()
    for _ in range(200):
        set_all(
            production,
            {
                "AUTH__SECRET_KEY": secrets.token_urlsafe(48),
                "AUDIT__SIGNING_KEY": drawn_seed(),
                "ENCRYPTION__KEY": drawn_seed(),
            },
        )
        assert problems() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTH__SECRET_KEY", ""),
        ("AUTH__SECRET_KEY", "tooshort"),
        ("AUTH__SECRET_KEY", "change-me-change-me-change-me-change-me"),
        ("AUTH__SECRET_KEY", "your-256-bit-secret-your-256-bit-secret"),
        ("AUTH__SECRET_KEY", "a-string-secret-at-least-256-bits-long"),
        ("AUTH__SECRET_KEY", "this is an example, do not use it at all"),
        ("AUTH__SECRET_KEY", "a" * 64),
        ("AUTH__SECRET_KEY", "kG3nXo0vQm1sZt7u" * 3),
        ("AUTH__SECRET_KEY", "0123456789abcdef" * 2),
        ("AUTH__SECRET_KEY", "1234567890" * 4),
        (
            "AUTH__SECRET_KEY",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        ),
        ("AUDIT__SIGNING_KEY", ""),
        ("AUDIT__SIGNING_KEY", "tooshort"),
        ("AUDIT__SIGNING_KEY", b64encode(bytes(32)).decode()),
        ("AUDIT__SIGNING_KEY", b64encode(bytes(range(32))).decode()),
        ("AUDIT__SIGNING_KEY", b64encode(bytes(range(200, 136, -2))).decode()),
        ("AUDIT__SIGNING_KEY", b64encode(b"correct horse battery staple 123").decode()),
        ("ENCRYPTION__KEY", ""),
        ("ENCRYPTION__KEY", "tooshort"),
        ("ENCRYPTION__KEY", b64encode(bytes(32)).decode()),
        ("ENCRYPTION__KEY", b64encode(b"correct horse battery staple 123").decode()),
        ("ENCRYPTION__FORMER_KEYS", f"{GOOD_KEY},tooshort"),
        ("DEBUG", "true"),
        ("DATABASE__URL", "sqlite://"),
        ("DATABASE__URL", "sqlite:///:memory:"),
        ("DATABASE__URL", "sqlite+pysqlite:///:memory:"),
        ("DATABASE__URL", "sqlite:///file:orders?mode=memory&cache=shared&uri=true"),
        ("DATABASE__URL", "sqlite:///file:/orders?vfs=memdb&uri=true"),
        ("DATABASE__URL", "sqlite:///file:%3Amemory%3A?uri=true"),
        ("SERVER__CORS_ORIGINS", "*"),
        ("SERVER__CORS_ORIGINS", "https://desk.example.org,*"),
        ("SERVER__CORS_ORIGINS", '["*"]'),
        ("SERVER__TRUSTED_HOSTS", "*"),
    ],
)
def test_production_never_degrades_to_a_demonstration(
    name: str, value: str, production: pytest.MonkeyPatch
) -> None:
    set_all(production, {name: value})
    message = refusal()
    assert f"TRADERBOT_{name}: " in message
    assert value not in message or value in {"", "*", "live", "true"}  # words of the messages
    assert not Path("traderbot-data").exists()


def test_production_without_a_secret_ignores_the_one_of_development(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_settings().signing_key()
    set_all(monkeypatch, {"ENVIRONMENT": "production"})
    message = refusal()
    assert "TRADERBOT_AUTH__SECRET_KEY: is not set; make one with: python -c" in message
    assert "TRADERBOT_AUDIT__SIGNING_KEY: is not set; make one with: python -c" in message
    assert "TRADERBOT_ENCRYPTION__KEY: is not set; make one with: traderbot keys" in message


def test_production_tells_all_that_is_wrong(production: pytest.MonkeyPatch) -> None:
    set_all(production, {"DEBUG": "1", "DATABASE__URL": "sqlite://", "SERVER__CORS_ORIGINS": "*"})
    assert [problem.name.removeprefix("TRADERBOT_") for problem in problems()] == [
        "DEBUG",
        "DATABASE__URL",
        "SERVER__CORS_ORIGINS",
    ]


@pytest.mark.parametrize(
    "url", ["sqlite:///orders.db", "sqlite:////srv/orders.db", "postgresql://host/memory"]
)
def test_a_database_on_disk_is_not_in_memory(url: str) -> None:
    assert not is_sqlite_in_memory(url)


def test_random_secrets_are_not_taken_for_examples() -> None:
    assert not any(looks_like_an_example(secrets.token_urlsafe(32)) for _ in range(2000))
    assert not any(looks_like_an_example(secrets.token_hex(32)) for _ in range(2000))


def test_random_keys_are_not_taken_for_typed_ones() -> None:
    assert not any(looks_typed(seed_of(drawn_seed())) for _ in range(2000))


# ---- the secret of development ----------------------------------------------------------------


def test_development_makes_its_secret_once_and_keeps_it_to_itself() -> None:
    first = load_settings()
    second = load_settings()
    path = Path("traderbot-data/secrets/auth-secret-key")
    assert first.signing_key() == second.signing_key()
    assert len(first.signing_key()) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["auth-secret-key"]


def test_a_generous_umask_opens_nothing() -> None:
    before = os.umask(0)
    try:
        load_settings().signing_key()
    finally:
        os.umask(before)
    path = Path("traderbot-data/secrets/auth-secret-key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_installations_have_two_secrets() -> None:
    keys = {load_settings(arguments={"data": {"dir": name}}).signing_key() for name in ("a", "b")}
    assert len(keys) == 2


def test_a_secret_that_is_set_is_used_and_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"AUTH__SECRET_KEY": GOOD_SECRET})
    assert load_settings().signing_key() == GOOD_SECRET.encode()
    assert not Path("traderbot-data").exists()


def test_loading_showing_and_checking_make_nothing() -> None:
    shown = {line.name: line.value for line in describe(load_settings())}
    assert problems() == []
    assert shown["TRADERBOT_AUTH__SECRET_KEY"] == "(kept in traderbot-data/secrets/auth-secret-key)"
    assert not Path("traderbot-data").exists()


def test_development_makes_one_encryption_key_and_keeps_it() -> None:
    first, second = (load_settings().encryption_keys() for _ in range(2))
    assert first == second
    assert [len(key) for key in first] == [32]
    path = load_settings().encryption_key_path
    assert path.stat().st_mode & 0o777 == 0o600


def test_former_keys_follow_the_one_that_seals(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [bytes([number]) * 32 for number in range(3)]
    first, *former = (b64encode(key).decode() for key in keys)
    set_all(monkeypatch, {"ENCRYPTION__KEY": first, "ENCRYPTION__FORMER_KEYS": ", ".join(former)})
    settings = load_settings()
    assert settings.encryption_keys() == tuple(keys)
    shown = {line.name: line.value for line in describe(settings)}
    assert shown["TRADERBOT_ENCRYPTION__KEY"] == "********"
    assert shown["TRADERBOT_ENCRYPTION__FORMER_KEYS"] == "********"
    assert not any(text in repr(settings) for text in (first, *former))


@pytest.mark.parametrize("content", ["", "tooshort", "!" * 44, b64encode(bytes(40)).decode()])
def test_a_damaged_encryption_key_is_not_replaced(content: str) -> None:
    path = load_settings().encryption_key_path
    path.parent.mkdir(parents=True)
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="exchange keys cannot be read any more"):
        load_settings().encryption_keys()
    assert path.read_text() == content


def secrets_of_threads(path: Path, count: int) -> list[str]:
    barrier = threading.Barrier(count)
    found: list[str] = []

    def start() -> None:
        barrier.wait()
        found.append(kept_secret(path))

    threads = [threading.Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_threads_that_start_at_once_get_one_secret(tmp_path: Path) -> None:
    for number in range(25):
        path = tmp_path / str(number) / "secrets" / "key"
        found = secrets_of_threads(path, 8)
        assert len(found) == 8
        assert len(set(found)) == 1
        assert len(list(path.parent.iterdir())) == 1


def test_processes_that_start_at_once_get_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secrets" / "key"
    code = (
        "import pathlib, sys\n"
        "from traderbot.infrastructure.settings_secret import kept_secret\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"print(kept_secret(pathlib.Path({str(path)!r})))\n"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(6)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        out, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (0, "")
        answers.append(out.strip())
    assert len(set(answers)) == 1
    assert len(answers[0]) == 64


def test_a_secret_others_may_read_is_not_used() -> None:
    settings = load_settings()
    secret = settings.signing_key().decode()
    settings.secret_key_path.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"mode 0644.*chmod 600") as caught:
        settings.signing_key()
    assert secret not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 40])
def test_a_damaged_secret_is_not_used(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(SecretFileError, match="damaged; remove it"):
        kept_secret(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "traderbot-data").write_text("a file stands in the way")
    settings = load_settings()
    with pytest.raises(ConfigurationError, match="or set TRADERBOT_AUTH__SECRET_KEY") as caught:
        settings.signing_key()
    assert "traderbot-data" in str(caught.value)


# ---- nothing leaks ----------------------------------------------------------------------------

CANARY = "canary-Zq8-secret-0123-abcd-wxyz-7777"


def test_no_secret_is_shown_by_any_way_of_printing(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {
        "DATABASE__URL": f"postgresql://desk:{CANARY}@host/db?sslpassword={CANARY}",
        "REDIS__URL": f"rediss://:{CANARY}@host/0",
    }
    set_all(monkeypatch, {"AUTH__SECRET_KEY": CANARY, **urls})
    settings = load_settings()
    shown = {line.name: line.value for line in describe(settings)}
    printed = (repr(settings), str(settings), settings.model_dump_json(), repr(shown))
    assert not any(CANARY in text for text in printed)
    assert shown["TRADERBOT_AUTH__SECRET_KEY"] == "********"
    assert shown["TRADERBOT_DATABASE__URL"] == "postgresql://desk:***@host/db?sslpassword=***"
    assert shown["TRADERBOT_REDIS__URL"] == "rediss://:***@host/0"
    assert settings.database_url == urls["DATABASE__URL"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTH__SECRET_KEY", "canary-Zq8"),
        ("AUTH__SECRET_KEY", "canary-Zq8" + "x" * 40 + "\udcff"),
        ("DATABASE__URL", f"mysql://desk:{CANARY}@host/db"),
        ("REDIS__URL", f"http://:{CANARY}@host"),
        ("SERVER__CORS_ORIGINS", f"[{CANARY}"),
        ("TRADING__FEE_BPS", CANARY),
        ("SERVER__PORT", CANARY),
        ("DEBUG", CANARY),
        ("ENVIRONMENT", CANARY),
        ("AUTH", CANARY),
        ("AUTH_SECRET_KEY", CANARY),
    ],
)
def test_no_refusal_quotes_what_was_given(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {name: value})
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    error: BaseException | None = caught.value
    while error is not None:  # what a traceback would print
        assert "canary" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p/w@x:y@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        (
            "postgresql:///d?host=/run&user=u&password=p",
            "postgresql:///d?host=/run&user=u&password=***",
        ),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("unix:///run/redis.sock?password=p&db=1", "unix:///run/redis.sock?password=***&db=1"),
        ("sqlite:////home/a:b/c@d/traderbot.db", "sqlite:////home/a:b/c@d/traderbot.db"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, masked: str) -> None:
    assert masked_url(url) == masked


# ---- the log ----------------------------------------------------------------------------------


def test_development_makes_a_signing_key_of_its_own_and_keeps_it() -> None:
    settings = load_settings()
    seed = settings.sealing_seed()
    assert len(seed) == 32
    assert load_settings().sealing_seed() == seed
    assert stat.S_IMODE(settings.sealing_key_path.stat().st_mode) == 0o600
    kept = settings.sealing_key_path.read_text(encoding="ascii").strip()
    given = load_settings(arguments={"audit": {"signing_key": kept}})
    assert given.sealing_seed() == seed  # it can be taken to production as it is
    assert seed not in settings.signing_key()


def test_a_key_that_is_set_is_used_and_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"AUDIT__SIGNING_KEY": GOOD_KEY})
    assert load_settings().sealing_seed() == b64decode(GOOD_KEY)
    assert not Path("traderbot-data").exists()


def test_settings_made_directly_for_production_still_need_a_key() -> None:
    with pytest.raises(ConfigurationError, match="SIGNING_KEY: is not set"):
        Settings(environment="production").sealing_seed()


@pytest.mark.parametrize("content", ["x" * 44, "short", GOOD_SECRET * 2])
def test_a_file_that_holds_no_key_is_not_used(content: str) -> None:
    settings = load_settings()
    settings.sealing_seed()
    settings.sealing_key_path.write_text(content)
    with pytest.raises(ConfigurationError, match="remove it") as caught:
        settings.sealing_seed()
    assert "TRADERBOT_AUDIT__SIGNING_KEY" in str(caught.value)
    assert content not in str(caught.value)


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "TRADERBOT_AUDIT__SIGNING_KEY"
    shown = {line.name: line.value for line in describe(load_settings())}
    assert shown[name] == "(kept in traderbot-data/secrets/log-signing-key)"
    set_all(monkeypatch, {"AUDIT__SIGNING_KEY": GOOD_KEY})
    assert GOOD_KEY not in repr(load_settings())
    shown = {line.name: line.value for line in describe(load_settings())}
    assert shown[name] == "********"


@pytest.mark.parametrize(
    ("url", "origin", "anchors"),
    [
        ("sqlite:///orders.db", "orders", "orders.db.anchors.jsonl"),
        ("sqlite:////srv/my desk.db", "my-desk", "/srv/my desk.db.anchors.jsonl"),
        ("sqlite:////srv/a.db?timeout=3", "a", "/srv/a.db.anchors.jsonl"),
        ("sqlite:////srv/$$$", "traderbot", "/srv/$$$.anchors.jsonl"),
        (
            "postgresql://u:p@db.net:6000/desk",
            "desk",
            "data/anchors/db.net-6000-desk.jsonl",
        ),
        ("postgresql+psycopg://host/a%20b", "a-b", "data/anchors/host-5432-a-b.jsonl"),
        ("postgresql:///desk?host=/run", "desk", "data/anchors/localhost-5432-desk.jsonl"),
        ("postgresql://[::1]/desk", "desk", "data/anchors/1-5432-desk.jsonl"),
    ],
)
def test_a_log_is_named_by_its_database(url: str, origin: str, anchors: str) -> None:
    settings = load_settings(arguments={"database": {"url": url}, "data": {"dir": "data"}})
    assert settings.log_origin == f"traderbot.local/{origin}"
    assert settings.anchor_path == Path(anchors)


def test_what_is_said_of_a_log_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"AUDIT__ORIGIN": "example.org/log", "AUDIT__ANCHOR_PATH": "/mnt/a.jsonl"})
    settings = load_settings()
    assert (settings.log_origin, settings.anchor_path) == ("example.org/log", Path("/mnt/a.jsonl"))
    shown = {line.name: line.value for line in describe(settings)}
    assert shown["TRADERBOT_AUDIT__ORIGIN"] == "example.org/log"


def test_no_settings_of_a_log_are_made_from_the_default_database() -> None:
    settings = load_settings()
    assert settings.log_origin == "traderbot.local/traderbot"
    assert settings.anchor_path == Path("traderbot-data/traderbot.db.anchors.jsonl").absolute()


@pytest.mark.parametrize("origin", ["two words", "a+b", "a\nb", "ä", "x" * 256])
def test_a_name_that_cannot_stand_in_a_note_is_refused(
    origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {"AUDIT__ORIGIN": origin})
    assert "TRADERBOT_AUDIT__ORIGIN: " in refusal()


@pytest.mark.parametrize("url", ["other.db", "sqlite:///other.db"])
def test_the_same_settings_serve_another_database(url: str) -> None:
    settings = load_settings().of_database(url)
    assert settings.database_url.endswith("other.db")
    assert settings.log_origin == "traderbot.local/other"
    assert settings.anchor_path.name == "other.db.anchors.jsonl"
    assert settings.origin("TRADERBOT_DATABASE__URL") == "argument"


# ---- the documents ----------------------------------------------------------------------------


def test_the_example_file_names_every_variable_and_no_other() -> None:
    example = dotenv_values(ROOT / ".env.example")
    assert set(example) == {name for name, _, _ in variables()}


def test_the_example_file_explains_every_variable() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line


def test_the_example_file_can_be_copied_and_changes_nothing() -> None:
    copied = load_settings(env_file=ROOT / ".env.example")
    assert copied.model_dump() == load_settings(env_file=None).model_dump()


def test_the_example_file_is_up_to_date() -> None:
    # To renew it, write what `dotenv_example()` returns.
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == dotenv_example()


def test_the_page_about_configuration_is_up_to_date() -> None:
    # To renew it, put what `markdown_table()` returns in place of the table.
    assert markdown_table() in (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_every_setting_is_described_and_no_row_of_the_table_is_broken() -> None:
    assert all(field.description for _, _, field in variables())
    assert all(row.count("|") == 4 for row in markdown_table().splitlines())


# ---- when it happens --------------------------------------------------------------------------


def test_importing_the_settings_reads_and_writes_nothing() -> None:
    code = (
        "import json, os, sys\n"
        "import traderbot.infrastructure.settings_view\n"
        "print(json.dumps([os.listdir('.'), 'sqlalchemy' in sys.modules]))\n"
    )
    broken = {**os.environ, "TRADERBOT_SERVER__PORT": "none", "TRADERBOT_TYPO": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=broken, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[], False]


def test_settings_made_directly_are_the_same_settings() -> None:
    assert Settings().server == load_settings().server


def test_settings_made_directly_for_production_still_need_a_secret() -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY: is not set"):
        Settings(environment="production").signing_key()
    assert not Path("traderbot-data").exists()
