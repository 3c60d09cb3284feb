"""Write a model file, tell which types it holds without loading it, and refuse one that stands for too much."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from bikeml.experiment.trusted.indices import need
from bikeml.system.documents import MOST_EXPANSION

MOST_EXPANDED_BYTES = 256 * 2**20
"""A model file may hold so many bytes, or :data:`MOST_EXPANSION` times its own size."""
SCHEMA, FEW_SCHEMA_BYTES, MOST_SCHEMA = "schema.json", 10_000_000, 40
"""The member that describes the objects, and what it may have; a forest's has 13 times the size of its file."""
FEW_PARTS, LEAST_BYTES = 50_000, 20


def write_model(model: object, file: Path) -> None:
    """
    Write a model as skops.io.dump does, but its schema without indentation, in half of the time for a forest.

    json indents in Python, and does the rest in C. Raises the errors of an object that cannot be written; then there is
    no file.
    """
    import skops  # noqa: PLC0415  slow, and many processes neither save nor load a model
    from skops.io._utils import SaveContext, get_state  # noqa: PLC0415

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        context = SaveContext(zip_file=archive)
        state = get_state(model, context)
        context.clear_memo()
        archive.writestr(
            SCHEMA, json.dumps({**state, "protocol": context.protocol, "_skops_version": skops.__version__})
        )
    file.write_bytes(content.getbuffer())


def read_types(file: Path) -> frozenset[str]:
    """Return the names of the types in a model file; nothing is loaded. Raises the errors of a damaged file."""
    with zipfile.ZipFile(file) as archive:
        _check_expansion(archive, file.stat().st_size)
        waiting: list[Any] = [json.loads(_read_schema(archive))]
    found = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            found.add(f"{node.get('__module__')}.{node.get('__class__')}")
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return frozenset(found)


def _check_expansion(archive: zipfile.ZipFile, size: int) -> None:
    held = sum(member.file_size for member in archive.infolist())
    at_most = max(MOST_EXPANDED_BYTES, MOST_EXPANSION * size)
    need(held <= at_most, f"its {size:,} bytes hold {held:,}; at most {at_most:,} are allowed")
    schema = archive.getinfo(SCHEMA).file_size
    need(schema <= max(FEW_SCHEMA_BYTES, MOST_SCHEMA * size), f"its {size:,} bytes hold a {SCHEMA} of {schema:,}")


def _read_schema(archive: zipfile.ZipFile) -> bytes:
    """Return the JSON that describes the objects, if it has as few as skops writes: each of them takes long names."""
    schema = archive.read(SCHEMA)
    n_parts, at_most = schema.count(b"[") + schema.count(b"{"), FEW_PARTS + len(schema) // LEAST_BYTES
    need(n_parts <= at_most, f"its {SCHEMA} of {len(schema):,} bytes has {n_parts:,} parts")
    return schema
