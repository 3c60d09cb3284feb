"""Fixtures that more than one test module takes."""

from tests.azureml.fixtures import azureml, azureml_service, ml_client, rest, submit

__all__ = ["azureml", "azureml_service", "ml_client", "rest", "submit"]
