"""The seven handlers that ship with the program. What they are for is told in docs/events.md."""

from __future__ import annotations

from traderbot.application.ports.clock import Clock
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.handlers.audit_relay import audit_relay
from traderbot.infrastructure.handlers.declared import EventHandler
from traderbot.infrastructure.handlers.mail import Mail, MailServer
from traderbot.infrastructure.handlers.market_data import market_data
from traderbot.infrastructure.handlers.notification import Channel, notification
from traderbot.infrastructure.handlers.order_activity import order_activity
from traderbot.infrastructure.handlers.profit import profit
from traderbot.infrastructure.handlers.risk import risk
from traderbot.infrastructure.handlers.valuation import valuation
from traderbot.infrastructure.handlers.webhook import Webhook
from traderbot.infrastructure.settings import Settings, load_settings
from traderbot.infrastructure.settings_sections import NotifySettings
from traderbot.infrastructure.system import SystemClock

__all__ = ["EventHandler", "create_event_handlers"]


def create_event_handlers(
    settings: Settings | None = None,
    *,
    origin: str | None = None,
    clock: Clock | None = None,
    codec: EventCodec | None = None,
) -> tuple[EventHandler, ...]:
    """Return the seven: five projections and two reactors, each declared for the durable log.

    `settings` say where notifications and the relay go, by default those of the environment;
    `origin` is the name under which events leave the program, by default that of the log.

    Raises:
        ConfigurationError: the environment holds something that cannot be right.
    """
    settings = settings or load_settings()
    origin = origin or settings.log_origin
    codec = codec or EventCodec()
    relay = settings.relay
    return (
        order_activity(),
        profit(),
        valuation(),
        risk(),
        market_data(),
        notification(_channels(settings.notify, clock or SystemClock()), origin, codec),
        audit_relay(
            settings.redis_url if relay.enabled else None, relay.stream, relay.maxlen, origin, codec
        ),
    )


def _channels(notify: NotifySettings, clock: Clock) -> list[Channel]:
    channels: list[Channel] = []
    seconds = float(notify.timeout_seconds)
    if notify.webhook_url is not None and notify.webhook_secret is not None:
        url, secret = (it.get_secret_value() for it in (notify.webhook_url, notify.webhook_secret))
        channels.append(Webhook(url, secret, clock, seconds))
    if notify.smtp_host is not None and notify.smtp_from is not None and notify.smtp_to:
        password = notify.smtp_password
        server = MailServer(
            host=notify.smtp_host,
            port=notify.smtp_port,
            sender=notify.smtp_from,
            to=notify.smtp_to,
            security=notify.smtp_security,
            username=notify.smtp_username,
            password=None if password is None else password.get_secret_value(),
        )
        channels.append(Mail(server, seconds))
    return channels
