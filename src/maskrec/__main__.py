"""`python -m maskrec`."""

import sys

from maskrec.cli import main

if __name__ == "__main__":
    sys.exit(main())
