"""A port with somebody behind it."""

import socket

import pytest


@pytest.fixture
def open_port():
    """A port of 127.0.0.1 where connections are taken."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]
