"""
A loopback Azure ML: one workspace on 127.0.0.1 that the unchanged clients take for the service.

azure-ai-ml, azure-identity and azureml-mlflow reach it through proxy and CA variables alone. It is a model of the
service, written from the client's side and from public recordings of it: what passes here has a chance there, and
nothing more is promised. Blob store (Azurite), tracking (an MLflow server), scoring (azureml-inference-server-http) and
the jobs' commands are real; the rest is memory.

As the service does it: routes, api-versions, shapes of replies, tokens that expire, names that are never free again,
merged tags, states of a job, immutable versions, look-up of code by its hash, nodes that come and go, error envelopes.

As strict as the service, where it was reported or documented to be strict:

    names, versions, tags, parameters, metrics and batches are limited: the table and its sources are in `limits`
    listSecrets answers with a key or with a SAS that expires: azure-ai-ml 1.35 asks for an expirable secret of an hour
        (azure-sdk-for-python, pull request 35716); a test chooses which and for how long (`workspace.secrets`)
    a job that loses its node fails with "PreemptionError: Nodes of this job got pre-empted. ... Received pre-emption
        warning signal" (MachineLearningNotebooks 1242, azure-docs 66288, MLOpsPython 346), under the code UserError;
        a test chooses another error, such as one that has the code inside (`lifecycle.preemption`)
    a job is cancelled when it has run for its limits.timeout (REST interface, CommandJobLimits: "the max run duration
        ..., after which the job will be cancelled"); nothing is known of an error beside that, so none is given
        (`lifecycle.timeout`)
    a deployment runs the scoring script of its code folder with what its environment names, and ends at the start where
        that cannot be imported; without code it runs nocode.py, which does as the service's own script for MLflow
        models does: it imports azureml.ai.monitoring (azureml-assets 4579; azureml-examples 3902, 3923, 3928, 4008),
        has the packages of the model's conda.yaml, and takes columns called date, modified or ..._at for dates
        (azureml-assets, mlflow-py312-inference; inference_schema's PandasParameterType)
    what a container answers otherwise than with 200 becomes 424, and what takes longer than request_timeout_ms becomes
        408 ("Troubleshoot online endpoints", HTTP status codes); a probe below 1 is refused ("Managed online deployment
        YAML schema"), and code without an environment ("'Environment Id' must not be empty", azure-sdk-for-python 30741)

Guessed, because no recording shows it: the page size of lists (10); the status 400 for a changed job, a changed asset
(409 for an environment, by the client's code), an unknown compute and a cancel after the end; the size of a serverless
node that no job names; that an identical job is answered with 200; that a job whose data does
not exist is refused at submission; that runs/outputs and traces are missing beside logged-models; the codes of quota
refusals; that serverless nodes come as a cluster's do, up to the quota; how long anything takes; that a command on
several nodes runs once; that a job which is run again has its whole time again; what an endpoint answers without
traffic, and how a name that is taken is refused. A job is checked against its environment's conda file: `python=` and
exact `name==version` of pip packages, and what is not named cannot be imported. The image is not looked at.

As strict as the service can be: mounted outputs rename nothing (hi-ml #258, #171; azure-storage-fuse #798); a managed
identity must be the cluster's (azure-dev #7927); an environment of a registry has what CURATED says, builds no image,
and a job's pip finds the versions that are installed here alone; a login is refused in Entra's words; a cluster that
gets no nodes says why in `errors` alone, as AmlComputeProperties of azure-ai-ml has it (modelbuilder #546); the log of
an image's build is a file of each job that waits for it.

Not modelled: pipelines, sweeps, schedules, components, registries but for their environments, identities other than an
application with a secret, private networks, `latest` labels moved by hand, deletes of assets.

    certificates, proxy     the way in: a throw-away authority, and CONNECT to loopback only
    server, wire, identity  what every call has in common: routes, tokens, envelopes
    faults, requestlog      what goes wrong, and what was asked
    clock, duration         time that can be moved, and lengths of it as they are written
    store, assets           what is registered
    workspace, cluster      workspace, datastores, compute
    secrets                 what opens the datastores, for how long
    jobs, jobshape, limits  what may be submitted, and how it looks from outside
    lifecycle               what becomes of a job
    runner, environments    a job's command, for real
    history, tracking       the data plane
    endpoints, serving      online endpoints
    containers, nocode      what runs behind them, for real
    processes, keeper       children that never outlive the parent
    service                 all of it together
    published               which requests of azure-ai-ml's own end-to-end tests are answered, and which are not

`python -m tests.azureml` runs it for people; tests take the fixtures of tests/conftest.py:

    def test_a_failed_cell_is_submitted_once(azureml, ml_client):
        azureml.clock.freeze()
        azureml.lifecycle.behave = lambda job: Behaviour(seconds=60, outcome="Failed")
        azureml.faults.answer(503, "jobs.put", when="after")
        ...  # the launcher
        azureml.clock.advance(3600)
        assert len(azureml.log.find("jobs.put", job="cell-1")) == 2
"""

from tests.azureml.lifecycle import REALISTIC, Behaviour, Timings
from tests.azureml.service import LoopbackAzureML

__all__ = ["REALISTIC", "Behaviour", "LoopbackAzureML", "Timings"]
