"""Ports of the loopback interface for servers that a test starts: nobody else is given one meanwhile."""

import os
import random
import socket

# Below 32768, where the ports begin that the kernel gives to whoever asks for any: one that it has given and
# taken back may be somebody else's before a slow server listens on it, or while the server is started again.
_FIRST, _OF_EACH_WORKER, _WORKERS = 20_000, 3_000, 4
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_OURS = range(_FIRST + _WORKER * _OF_EACH_WORKER, _FIRST + (_WORKER + 1) * _OF_EACH_WORKER)
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
        f"wanted a free port from {_OURS.start} to {_OURS.stop - 1}, found none: end some servers"
    )
