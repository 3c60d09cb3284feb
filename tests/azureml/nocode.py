"""
The stand-in for the scoring script that Azure ML runs for an MLflow model without code of its own.

It does what the service's does, in few lines of ours: that script (azureml-assets,
assets/inference/environments/mlflow-py312-inference) imports the collectors of azureml-ai-monitoring whether or not
they are used, believes the model's own files, and leaves it to inference_schema, and so to pandas.read_json, to make a
table of a request: columns called date, modified, timestamp or ..._at become dates where they can.
"""

import json
import os
from io import StringIO
from pathlib import Path

import pandas as pd
from azureml.ai.monitoring import Collector
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema
from mlflow.models import Model
from mlflow.pyfunc import load_model

folder = Path(os.environ["AZUREML_MODEL_DIR"], os.environ["MLFLOW_MODEL_FOLDER"])
described = Model.load(folder)
split = json.loads((folder / described.saved_input_example_info["artifact_path"]).read_text())
example = pd.read_json(StringIO(json.dumps(split)), orient="split", dtype=False)
model = load_model(str(folder))


def init():
    """Make the collectors, where data is collected."""
    if os.getenv("ENABLE_MDC"):
        Collector(name="model_inputs")


@input_schema("input_data", PandasParameterType(example, enforce_shape=False, orient="split"))
def run(input_data):
    """Return the predictions for a table."""
    return model.predict(input_data).tolist()
