"""``python -m bikeml``, and the console script."""

import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; an interrupt at any moment, imports included, is one line and status 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop cleans up as Ctrl-C does
    try:
        from bikeml import cli

        cli.main()
    except KeyboardInterrupt:
        print("bikeml: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: nothing is left to interrupt
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    main()
