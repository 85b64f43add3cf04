"""Settings name other services where they read as addresses, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.references import references


def hosts(key, value):
    return [(found.host, found.port) for found in references(key, value)]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("CART_SERVICE_ADDR", "cartservice:7070", [("cartservice", 7070)]),
        ("X", "http://ts-order-service:12031", [("ts-order-service", 12031)]),
        ("X", "https://orders/api?next=http", [("orders", 0)]),
        ("DATABASE_URL", "postgres://u:p@db:5432/users", [("db", 5432)]),
        ("X", "postgres://redis:secret@db/x", [("db", 0)]),
        ("X", "jdbc:mysql://db:3306/a?host=b", [("db", 3306)]),
        ("X", "mongodb://a:1,b:2/db", [("a", 1), ("b", 2)]),
        ("X", "user:pw@tcp(mysql:3306)/db", [("mysql", 3306)]),
        ("JAVA_OPTS", "-Xmx1g -Dmail.url=http://mail:25 -Ddb=pg:5432", [("mail", 25), ("pg", 5432)]),
        ("JAVA_OPTS", "-Dredis.host=cache -Dname=web -Dallowed.hosts=api -Dcors.origin=http://ui", [("cache", 0)]),
        ("MONGO_URI", "mongodb://u:p@a:1,b:2/db?replicaSet=rs", [("a", 1), ("b", 2)]),
        ("DB_URL", "jdbc:sqlserver://db:1433;databaseName=orders", [("db", 1433)]),
        ("DATABASE_DSN", "host=db port=5432 user=orders dbname=users", [("db", 0)]),
        ("MYSQL_DSN", "user:pw@tcp(mysql:3306)/db", [("mysql", 3306)]),
        ("PGHOST", "db", [("db", 0)]),
        ("RABBITMQ_VHOST", "orders", []),
        ("KAFKA", "k1:9092,k2:9092", [("k1", 9092), ("k2", 9092)]),
        ("DB_HOST", "db", [("db", 0)]),
        ("spring.redis.host", "cache", [("cache", 0)]),
        ("dbHost", "db.", [("db", 0)]),
        ("LEVEL", "web", []),
        ("SERVICE_NAME", "cart", []),
        ("PORT", "8080", []),
        ("DB_HOST", "10", []),
        ("TIME", "12:30:00", []),
        ("X", "web:99999", []),
        ("X", "web:", []),
        ("CACHE_IMAGE", "redis:7777", []),
        ("ALLOWED_HOSTS", "web,api", []),
        ("CORS_ORIGINS", "http://frontend:3000", []),
        ("OAUTH_REDIRECT_URI", "http://frontend/callback", []),
        ("NO_PROXY", "db:5432", []),
        ("DB_HOST", "", []),
        ("X", "x" * 70_000, []),
    ],
)
def test_a_value_names_the_hosts_that_it_would_be_called_at(key, value, expected):
    assert hosts(key, value) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [("amqp://mq", "asynchronous"), ("mq:5672", "asynchronous"), ("kafka:9092", "asynchronous"),
     ("http://web", "synchronous"), ("web:80", "")],
)  # fmt: skip
def test_a_queue_s_scheme_or_port_makes_the_call_asynchronous(value, kind):
    assert [found.type for found in references("X", value)] == [kind]


def test_host_and_port_alone_are_sure_only_under_a_name_that_speaks_of_addresses():
    assert [found.is_sure for key in ("X", "X_ADDR") for found in references(key, "redis:7")] == [False, True]


@given(st.text(max_size=20), st.text(max_size=80))
def test_any_setting_gives_hosts_with_a_port_in_range(key, value):
    assert all(found.host and 0 <= found.port <= 65535 for found in references(key, value))
