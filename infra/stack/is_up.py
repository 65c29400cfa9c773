"""Exit 0 where the address given answers with 200; for health checks of images without curl."""

import sys
import urllib.request


def main() -> int:
    """0 where it does; the error, else."""
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:  # noqa: S310 - our own loopback address
        return 0 if answer.status == 200 else 1  # noqa: PLR2004 - HTTP's OK


if __name__ == "__main__":
    raise SystemExit(main())
