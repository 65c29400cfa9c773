"""Exits with 0 if every given port (default: those of Spark Connect and JDBC) accepts a connection."""

import socket
import sys


def main() -> int:
    """Returns 0 if all ports accept a connection, otherwise 1."""
    for port in sys.argv[1:] or ("15002", "10000"):
        with socket.socket() as probe:
            probe.settimeout(3)
            if probe.connect_ex((socket.gethostname(), int(port))):
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
