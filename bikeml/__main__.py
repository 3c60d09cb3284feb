"""``python -m bikeml``, and the console script."""

from bikeml.system import interrupts  # isort: skip  before all other imports, which a signal may interrupt

import atexit
import gc
import sys

FAILED, BAD_INPUT = 1, 2
TOO_LITTLE = "bikeml: there is too little memory; take fewer rows, or fewer n_jobs at a time, or raise ulimit -v\n"
ADVICE = "enter the environment that has it (. .venv/bin/activate), or write scripts/run in place of python -m bikeml"
OBJECTS_BEFORE_COLLECTION = 10_000
"""Instead of 700: imports make them by the hundred thousand, and to look for garbage among them is a tenth of a run."""


def main() -> None:
    """Run the command line; an interrupt at any moment, imports included, is one line and its status."""
    interrupts.heed()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    atexit.register(gc.freeze)  # or Python's last act would be to search all that ends with it for garbage
    try:
        from bikeml.terminal.streams import guard

        guard()
        from bikeml.cli import start
        from bikeml.system.clock import process_age

        sys.exit(start(sys.argv[1:], seconds_ago=process_age()))
    except ModuleNotFoundError as error:
        if error.name != "hydra":  # it is imported first
            raise
        print(f"bikeml: hydra is not installed for {sys.executable}; {ADVICE}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except MemoryError:  # none was left to tell another error with
        sys.stderr.write(TOO_LITTLE)
        sys.exit(FAILED)
    except KeyboardInterrupt as error:
        print(interrupts.SAID, file=sys.stderr)
        sys.exit(interrupts.to_status(error))
    finally:
        interrupts.ignore()


if __name__ == "__main__":
    main()
