"""The project with Channels, for a server: ``application``."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

from tests.docs.integrations.project import mysite, set_up

__all__ = ["application"]

set_up("channels", CHANNEL_LAYERS={})

news = path("news/", mysite("consumers").NewsConsumer.as_asgi())
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": AuthMiddlewareStack(URLRouter([news]))}
)
