"""`python -m quarterdeck_daemon.cli`."""

from . import main

main()
