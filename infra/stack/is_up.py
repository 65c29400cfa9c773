"""Exits with 0 if the given address returns HTTP 200; for health checks of images without curl."""

import sys
import urllib.request


def main() -> int:
    """Returns 0 for HTTP 200, otherwise 1; a failed connection raises."""
    with urllib.request.urlopen(sys.argv[1], timeout=5) as response:  # noqa: S310 - our own loopback address
        return 0 if response.status == 200 else 1  # noqa: PLR2004 - HTTP's OK


if __name__ == "__main__":
    raise SystemExit(main())
