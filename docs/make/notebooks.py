"""Run the notebooks of docs/, and store what they show: python -m docs.make.notebooks (some minutes)."""

from pathlib import Path
from tempfile import TemporaryDirectory

import nbclient
import nbformat

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def execute(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run the cells of a notebook in a kernel of this environment, in `folder`, and return it with what they show."""
    place = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", resources=place, record_timing=False).execute()
    notebook.metadata.language_info = {"name": "python"}  # without the version of this one
    return notebook


if __name__ == "__main__":
    for file in NOTEBOOKS:
        with TemporaryDirectory() as folder:
            nbformat.write(execute(nbformat.read(file, as_version=4), Path(folder)), file)
        print(file)
