"""Ports of the loopback interface for servers that a test starts: nobody else is given one meanwhile."""

import os
import random
import socket

# of the stack that tests/stack starts, by the names of its settings
STACK_PORTS = {"MINIO_PORT": 29_000, "PREFECT_PORT": 24_200, "SPARK_JDBC_PORT": 31_000}
# Below 32768, where the ports begin that the kernel gives to whoever asks for any: one that it has given and
# taken back may be somebody else's before a slow server listens on it, or while the server is started again.
_FIRST, _OF_EACH_WORKER, _WORKERS = 20_000, 3_000, 4
# A run in one process has the last worker's ports: beside it there may be a run in two or three.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw3").removeprefix("gw")) % _WORKERS
_BEGIN = _FIRST + _WORKER * _OF_EACH_WORKER
_OURS = sorted(set(range(_BEGIN, _BEGIN + _OF_EACH_WORKER)) - set(STACK_PORTS.values()))
_UNUSED = iter(random.sample(_OURS, len(_OURS)))


def free_port() -> int:
    """A port on which nobody listens, and that this process has not been given before."""
    for port in _UNUSED:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:  # in use: by another run of the tests, or by this machine
                continue
            return port
    raise RuntimeError(
        f"a free port from {_OURS[0]} to {_OURS[-1]} is needed and none is left: end some servers"
    )
