"""``python -m bikeml``, and the console script."""

import atexit
import gc
import signal
import sys

BAD_INPUT, INTERRUPTED = 2, 130
ADVICE = "enter the environment that has it (. .venv/bin/activate), or write scripts/run in place of python -m bikeml"
OBJECTS_BEFORE_COLLECTION = 10_000
"""Instead of 700: imports make them by the hundred thousand, and to look for garbage among them is a tenth of a run."""


def main() -> None:
    """Run the command line; an interrupt at any moment, imports included, is one line and status 130."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    atexit.register(gc.freeze)  # or Python's last act would be to search all that ends with it for garbage
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop cleans up as Ctrl-C does
    hangup = getattr(signal, "SIGHUP", None)  # a closed terminal's, which Windows has not
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_DFL:  # nohup lets it be ignored
        signal.signal(hangup, signal.default_int_handler)
    try:
        from bikeml.cli import start
        from bikeml.system.clock import process_age

        sys.exit(start(sys.argv[1:], seconds_ago=process_age()))
    except ModuleNotFoundError as error:
        if error.name != "hydra":  # it is imported first
            raise
        print(f"bikeml: hydra is not installed for {sys.executable}; {ADVICE}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print("bikeml: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: nothing is left to interrupt
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    main()
