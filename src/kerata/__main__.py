"""`python -m kerata`: the `kerata` command."""

import sys

from kerata.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
