"""``python -m bikeml``."""

from bikeml.cli import main

main()
