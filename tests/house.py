"""The plan of the house: its rooms in their order, the libraries that belong to each, and who imports what."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "bikeml"
ROOMS = {
    "system.redaction": set(),
    "errors": set(),
    "system": set(),
    "system.workers": set(),
    "config": {"hydra", "omegaconf", "pydantic"},
    "config.composition": {"hydra", "omegaconf"},
    "terminal": {"rich"},
    "table.reading": {"pandas"},
    "table.columns": {"pandas", "scipy"},
    "table.split": {"pandas", "sklearn"},
    "table.structure": {"pandas", "scipy", "sklearn"},
    "table": {"pandas", "scipy", "sklearn"},
    "evaluation.uncertainty": {"pandas", "scipy", "sklearn"},
    "evaluation": {"pandas", "scipy", "sklearn"},
    "search.rules": {"sklearn"},
    "search": {"scipy", "sklearn"},
    "records": {"pandas", "pydantic"},
    "destination": {"mlflow"},
    "experiment.trusted": {"scipy", "sklearn", "skops"},
    "experiment.encoding": {"pandas", "sklearn"},
    "experiment.searching": {"optuna", "pandas", "pydantic", "sklearn"},
    "experiment": {"pandas", "pydantic", "scipy", "skops", "sklearn"},
    "recorded": {"sklearn"},
    "tracking.local": {"mlflow"},
    "tracking": {"fastapi", "mlflow", "sklearn", "uvicorn"},
    "tracking.lookup": {"mlflow"},
    "pages": {"jinja2", "matplotlib", "pandas", "scipy"},
    "pages.run": {"matplotlib"},
    "pages.sweep": {"matplotlib", "pandas"},
    "pages.comparison": {"matplotlib", "pandas"},
    "multirun.display": {"pandas"},
    "multirun.blending": {"pandas"},
    "multirun": {"hydra", "omegaconf", "pandas", "sklearn"},
    "multirun.local": {"hydra", "omegaconf", "sklearn"},
    "multirun.sweepers": {"hydra", "omegaconf", "optuna"},
    "tasks.tables": {"pandas", "pydantic"},
    "tasks.models": {"pandas", "pydantic"},
    "tasks": {"pandas", "pydantic"},
    "azure.jobs": set(),
    "azure.workspace": {"azure"},
    "azure.launch": {"hydra", "omegaconf"},
    "azure.endpoint": {"azure", "pandas", "pydantic", "skops"},
    "azure": {"azure"},
    "azure.tasks": {"azure", "pandas", "pydantic"},
    "cli": {"hydra", "omegaconf"},
    "api": {"hydra", "jinja2", "matplotlib", "omegaconf", "pandas", "skops", "sklearn"},
}
"""Lowest first: a module imports from its own room and from those above it here; and the heavy libraries of each."""
HEAVY = set().union(*ROOMS.values())


@dataclass(frozen=True)
class Arrow:
    """A module of bikeml imports another one, or a library."""

    module: str
    target: str

    @property
    def is_ours(self) -> bool:
        return self.target.startswith("bikeml.")

    @property
    def rooms(self) -> tuple[str, str]:
        return room_of(self.module), room_of(self.target.removeprefix("bikeml."))


def room_of(module: str) -> str:
    """Return the room of a dotted module of bikeml; the module itself where it stands in none."""
    first, second = (*module.split("."), "")[:2]
    return next((name for name in (f"{first}.{second}", first) if name in ROOMS), first)


def find_modules() -> dict[str, Path]:
    """Return the files of bikeml by dotted module, without the package's own name."""
    files = {file.relative_to(PACKAGE).with_suffix(""): file for file in sorted(PACKAGE.rglob("*.py"))}
    return {place.as_posix().replace("/", ".").removesuffix(".__init__"): file for place, file in files.items()}


def find_arrows(module: str, file: Path) -> Iterator[Arrow]:
    """Yield what a file imports, anywhere in it; for a type checker alone it may name any library."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing = {node for block in tree.body if _is_for_types(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"bikeml.{alias.name}" for alias in node.names] if node.module == "bikeml" else [str(node.module)]
        for name in names:
            if name.startswith("bikeml.") or (name.split(".")[0] in HEAVY and node not in typing):
                yield Arrow(module, name)


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
