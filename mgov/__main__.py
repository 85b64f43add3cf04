#!python
"""Start mgov: `python -m mgov`, and, as the installed launcher, `mgov`."""

import sys

from mgov.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
