"""
Look at the held-out rows of the embedded table once, with the recipes that were chosen on its training rows.

Each look is kept in docs/held_out_looks.json: when, at which commit, and what was seen. Whoever looks and then changes
a recipe has chosen on the held-out rows. So a second look is refused, unless --again says why; it is kept as a second.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOOKS = ROOT / "docs" / "held_out_looks.json"
RECIPES = ("best", "best_calendar")
FIGURES = ("test_r2", "test_rmse", "test_mae", "cv_r2_mean", "cv_r2_std")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", metavar="WHY", help="look once more, and keep why")
    why = parser.parse_args().again
    looks = json.loads(LOOKS.read_text(encoding="utf-8")) if LOOKS.is_file() else []
    refusal = refuse(looks, why)
    if refusal:
        sys.exit(refusal)
    if git("status", "--porcelain"):
        sys.exit("the checkout has changes that are not committed, and a look is kept with its commit; commit them")
    look = {
        "look": len(looks) + 1,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": git("rev-parse", "HEAD"),
        "why": why or "the recipes were chosen on the training rows, and nothing else was tried on these rows",
        "recipes": {recipe: run(recipe) for recipe in RECIPES},
    }
    LOOKS.write_text(json.dumps([*looks, look], indent=2) + "\n", encoding="utf-8")
    print(json.dumps(look, indent=2))
    print(f"kept in {LOOKS.relative_to(ROOT)}; commit it")


def refuse(looks: list[dict[str, Any]], why: str | None) -> str:
    """Return why no look is allowed; "" if one is."""
    if not looks or why:
        return ""
    last = looks[-1]
    return (
        f"the held-out rows were looked at on {last['date']} (look {last['look']}, commit {last['commit'][:7]}); what "
        f"was seen is in {LOOKS.relative_to(ROOT)}. To look again, say why: --again 'the recipe best has changed'"
    )


def run(recipe: str) -> dict[str, Any]:
    """Fit a recipe on the training rows, and return its figures on the held-out ones."""
    import bikeml

    with TemporaryDirectory() as folder:
        record = bikeml.run(f"experiment={recipe}", "tracking=none", f"hydra.run.dir={folder}/run").record
        low, high = record.intervals["test_r2"]
        return {
            **{name: record.metrics[name] for name in FIGURES},
            "test_r2_interval": [low, high],
            "n_train": record.dataset.n_train,
            "n_test": record.dataset.n_test,
            "fingerprint": record.fingerprint,
        }


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
