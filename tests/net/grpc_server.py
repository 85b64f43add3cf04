"""A real gRPC server with the health service, as a process: prints its port, ends with its standard input.

    python grpc_server.py serving|bare [--tls CERT KEY] [SERVICE=STATUS ...]
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main(kind: str, *arguments: str) -> None:
    tls, services = (arguments[1:3], arguments[3:]) if "--tls" in arguments else ((), arguments)
    server = grpc.server(ThreadPoolExecutor(2))
    if kind == "serving":
        servicer = health.HealthServicer()
        for service in services:
            name, _, status = service.partition("=")
            servicer.set(name, health_pb2.HealthCheckResponse.ServingStatus.Value(status))
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if tls:
        cert, key = (Path(name).read_bytes() for name in tls)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(0)


main(*sys.argv[1:])
