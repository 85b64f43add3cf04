"""Ports with and without somebody behind them."""

import socket

import pytest


@pytest.fixture
def open_port():
    """A port of 127.0.0.1 where connections are taken."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port():
    """A port of 127.0.0.1 that is held by nobody who listens: connections are refused."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
