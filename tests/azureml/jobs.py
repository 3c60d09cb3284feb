"""The control plane's jobs: what may be submitted, and how a job looks from outside."""

import re
import uuid

from tests.azureml.cluster import Cluster
from tests.azureml.environments import REGISTRIES, find_curated
from tests.azureml.jobshape import describe, essence
from tests.azureml.lifecycle import Job, Lifecycle
from tests.azureml.limits import check_sizes, measure_job
from tests.azureml.operations import Operations
from tests.azureml.store import PROVIDER, SCOPE, SCOPE_TEMPLATE, Store, in_view, page
from tests.azureml.wire import Call, Json, Refusal, Reply, Router, not_found
from tests.azureml.workspace import Workspace

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
VERSIONS = "2023-04-01-preview 2024-01-01-preview 2025-01-01-preview"
IMMUTABLE = (
    "jobType",
    "command",
    "codeId",
    "environmentId",
    "computeId",
    "experimentName",
    "environmentVariables",
    "identity",
)
CHANGEABLE = "Only description, tags, displayName, properties, and isArchived can be updated."


class Jobs:
    """Every job that was ever submitted; a name is never free again."""

    def __init__(self, store: Store, workspace: Workspace, lifecycle: Lifecycle, operations: Operations) -> None:
        self.store, self.workspace = store, workspace
        self.lifecycle, self.operations = lifecycle, operations
        self.by_name: dict[str, Job] = {}

    def add_routes(self, router: Router) -> None:
        """Add the operations."""
        one = f"{SCOPE_TEMPLATE}/jobs/{{job}}"
        router.add("jobs.list", "GET", f"{SCOPE_TEMPLATE}/jobs", self._list, VERSIONS)
        router.add("jobs.get", "GET", one, self._get, VERSIONS)
        router.add("jobs.put", "PUT", one, self._put, VERSIONS)
        router.add("jobs.cancel", "POST", f"{one}/cancel", self._cancel, VERSIONS)

    def find(self, name: str) -> Job:
        """Return a job, or refuse with 404."""
        job = self.by_name.get(name)
        if job is None:
            raise not_found(f"run with id {name} was not found")
        return job

    def _get(self, call: Call) -> Reply:
        return Reply(body=self._body(self.find(call.names["job"])))

    def _list(self, call: Call) -> Reply:
        tag = call.query("tag")
        jobs = [job for job in reversed(self.by_name.values()) if tag is None or tag in job.spec["tags"]]
        return Reply(body=page(call, in_view(call, jobs, lambda job: bool(job.spec["isArchived"])), self._body))

    def _put(self, call: Call) -> Reply:
        name, asked = call.names["job"], call.body["properties"]
        if not NAME.fullmatch(name):
            raise Refusal(400, "UserError", f"The job name {name!r} is invalid: it must match {NAME.pattern}")
        check_sizes(measure_job(asked))
        if name in self.by_name:
            return self._update(self.by_name[name], asked)
        cluster = self._check(asked)
        spec = {
            "description": None,
            "displayName": name,
            "experimentName": "Default",
            "isArchived": False,
        } | asked
        spec |= {"tags": dict(asked.get("tags") or {}), "properties": dict(asked.get("properties") or {})}
        job = self.by_name[name] = Job(name, spec, self.lifecycle.clock.now())
        job.extra["snapshot"] = str(uuid.uuid4())
        self.lifecycle.submit(job, cluster)
        return Reply(201, self._body(job), {"Location": f"{call.url}?{call.query_string}"})

    def _update(self, job: Job, asked: Json) -> Reply:
        changed = [key for key in IMMUTABLE if (asked.get(key) or None) != (job.spec.get(key) or None)]
        changed += [key for key in ("inputs", "outputs") if essence(asked.get(key)) != essence(job.spec.get(key))]
        if changed:
            message = (
                "A job with this name already exists. If you are trying to create a new job, use a different name. "
                f"If you are trying to update an existing job, the existing job's {', '.join(changed)} cannot be "
                f"changed. {CHANGEABLE}"
            )
            raise Refusal(400, "UserError", message)
        for key in ("description", "displayName", "isArchived"):
            if key in asked:
                job.spec[key] = asked[key]
        job.spec["tags"] |= asked.get("tags") or {}  # a tag that is left out stays
        job.spec["properties"] |= asked.get("properties") or {}
        return Reply(200, self._body(job))

    def _check(self, asked: Json) -> Cluster:
        if asked.get("jobType") != "Command":
            raise Refusal(400, "UserError", f"jobType {asked.get('jobType')!r} is not modelled: Command is")
        if not asked.get("command"):
            raise Refusal(400, "UserError", "The job has no command")
        is_curated = str(asked.get("environmentId")).startswith(REGISTRIES)
        if is_curated and find_curated(asked["environmentId"]) is None:
            raise Refusal(400, "UserError", f"environmentId {asked['environmentId']!r} does not exist")
        for key in ("codeId",) if is_curated else ("environmentId", "codeId"):
            if (key == "environmentId" or asked.get(key)) and not self.store.find(str(asked.get(key))):
                raise Refusal(400, "UserError", f"{key} {asked.get(key)!r} does not exist")
        for name, given in (asked.get("inputs") or {}).items():
            self._check_input(name, given)
        identity = (asked.get("identity") or {"identityType": "AMLToken"}).get("identityType")
        if identity not in ("AMLToken", "Managed", "UserIdentity"):
            raise Refusal(400, "UserError", f"The identity type {identity!r} is not known")
        return self._check_compute(asked)

    def _check_input(self, name: str, given: Json) -> None:
        if given["jobInputType"] == "literal":
            if not isinstance(given.get("value"), str):
                raise Refusal(
                    400,
                    "UserError",
                    f"The value of input {name!r} must be a string, not {given.get('value')!r}",
                )
        elif str(given.get("uri", "")).startswith("/") and not self.store.find(given["uri"]):
            raise Refusal(400, "UserError", f"The data of input {name!r} does not exist: {given['uri']}")

    def _check_compute(self, asked: Json) -> Cluster:
        if "IsLocal" in ((asked.get("resources") or {}).get("properties") or {}):
            raise Refusal(400, "UserError", "A job on the caller's own machine is not modelled")
        compute = str(asked.get("computeId") or "").rpartition("/")[2]
        if compute.lower() in ("", "serverless"):
            return self.workspace.serverless(asked.get("resources") or {}, asked.get("queueSettings") or {})
        cluster = self.workspace.clusters.get(compute.lower())
        if cluster is None:
            raise Refusal(400, "UserError", f"Unknown compute target '{compute}'.")
        count = int((asked.get("resources") or {}).get("instanceCount") or 1)
        if count > cluster.maximum:
            raise Refusal(
                400,
                "UserError",
                f"{count} nodes were asked for; '{compute}' has {cluster.maximum} at the most",
            )
        return cluster

    def _cancel(self, call: Call) -> Reply:
        job = self.find(call.names["job"])
        if job.is_final:
            raise Refusal(400, "UserError", f"Job {job.name} cannot be canceled: it is {job.status}")
        if job.status != "CancelRequested":
            self.lifecycle.cancel(job)

        def progress() -> tuple[str, str | None]:
            return ("Succeeded" if job.is_final else "Canceling"), None

        return Reply(202, None, self.operations.begin_at_location(progress, call, SCOPE))

    def _body(self, job: Job) -> Json:
        return {
            "id": f"{SCOPE}/jobs/{job.name}",
            "name": job.name,
            "type": f"{PROVIDER}/workspaces/jobs",
            "properties": describe(job),
            "systemData": {
                "createdAt": self.lifecycle.clock.stamp(job.created),
                "createdBy": "loopback",
                "createdByType": "Application",
            },
        }
