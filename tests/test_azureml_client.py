"""The unchanged azure-ai-ml against the loopback service: every step that a user takes, and what it costs."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.azureml import Behaviour, LoopbackAzureML

CONDA = """\
name: job
dependencies:
- python=3.11
- pip:
  - numpy=={numpy}
"""
TRAIN = """\
import os, pathlib, sys
rows = open(sys.argv[1]).read().splitlines()
print(len(rows), "rows, alpha", sys.argv[2])
pathlib.Path(os.environ["AZURE_ML_OUTPUT_model"], "model.txt").write_text(sys.argv[2])
"""


@pytest.fixture
def cluster(ml_client: Any, azureml: LoopbackAzureML) -> str:
    from azure.ai.ml.entities import AmlCompute

    ml_client.compute.begin_create_or_update(
        AmlCompute(name="cpu-cluster", size="STANDARD_DS11_V2", min_instances=0, max_instances=2)
    ).result()
    azureml.log.clear()
    return "cpu-cluster"


def test_workspaces_get_is_one_request(ml_client: Any, azureml: LoopbackAzureML) -> None:
    workspace = ml_client.workspaces.get("bikeml-ws")
    assert workspace.mlflow_tracking_uri.startswith("azureml://eastus.api.azureml.ms/mlflow/v2.0/subscriptions/")
    assert azureml.log.counts() == {"workspaces.get": 1}
