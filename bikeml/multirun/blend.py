"""Blend the finished cells of a sweep: a run of its own that stands as a further cell beside them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from bikeml.config.composition import compose, resolve
from bikeml.config.estimators import NoSearch
from bikeml.config.overrides import shell
from bikeml.config.schema import Config
from bikeml.errors import BlendError, DataError, FitError, ModelFileError, RecordError
from bikeml.evaluation.choice import decide_metrics
from bikeml.evaluation.metrics import find_metric
from bikeml.experiment.model_file import load_recorded
from bikeml.experiment.story import Known
from bikeml.multirun.blending.members import Candidate, Mixture, check_same_rows
from bikeml.multirun.blending.weights import choose_fold_weights, choose_weights
from bikeml.multirun.composed import PlannedCell, Reuse
from bikeml.multirun.publish import find_config, writing
from bikeml.multirun.run import run
from bikeml.pages.differences import OF_MEMBERS
from bikeml.records.fingerprint import identify
from bikeml.records.judgement import RecordedFolds, read_predictions, read_weights
from bikeml.records.run import Invocation
from bikeml.records.run_folder import FOLDS, MODEL, MODEL_FILE, RunFolder
from bikeml.records.sweep import Cell, Outcome, SweepRecord
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.system.printable import program
from bikeml.table.reading.source import read_bytes
from bikeml.terminal.progress import Announce, progress, silent
from bikeml.terminal.status import describe_error
from bikeml.terminal.tables import show_notice

BLEND = "blend"
"""The folder of a blend below its sweep's, and the option of the group model that its record has."""

ReadConfig = Callable[[Cell], Config]
"""Takes a cell with a result; returns its recorded config, with the places of this machine."""


def blend_sweep(
    folder: SweepFolder,
    plan: SweepRecord,
    read_config: ReadConfig,
    announce: Announce = silent,
    reuse: Reuse = list,
) -> SweepRecord:
    """
    Blend the finished cells of a sweep, whose folder the caller has claimed; return its plan with the blend as a cell.

    A blend that was there already is made anew, unless `reuse` brings it. A fit that fails is the failure of that cell.
    Raises BlendError if the cells cannot be blended, DataError if their table is not there, and the errors of
    :func:`bikeml.multirun.run.run`.
    """
    cells = tuple(cell for cell in plan.cells if not cell.is_blend)
    plan = plan.model_copy(update={"cells": cells})
    sweep = folder.look(plan)
    candidates = list(filter(None, (_read(folder, outcome, read_config) for outcome in sweep.outcomes)))
    check_same_rows(candidates)
    mixture = _choose(candidates, plan.rank)
    config = build_config(mixture, plan.rank)
    _check_table(config, candidates[0])
    folder.clear([BLEND], goes_on=True)
    (planned,) = reuse([_plan(config, candidates, max(cell.number for cell in cells) + 1)])
    if not planned.reused:
        _fit(folder, planned, mixture, sweep.run_id, announce)
    cell = planned.cell.model_copy(update={"is_blend": True, "reason": None})
    plan = plan.model_copy(update={"cells": (*cells, cell)})
    with writing(folder.path):
        plan.write(folder.path)
    return plan


def _plan(config: Config, candidates: Sequence[Candidate], number: int) -> PlannedCell:
    dataset = candidates[0].record.dataset
    identity = identify(decide_metrics(config), dataset.sha256, dataset.test_sha256)
    choices = {**_find_shared_choices(candidates), "model": BLEND}
    return PlannedCell(number, (), BLEND, config, choices, identity=identity)


def _fit(
    folder: SweepFolder, planned: PlannedCell, mixture: Mixture, parent_run_id: str | None, announce: Announce
) -> None:
    """Run the blend from what its cells have computed; a fit that fails is written as the failure of its cell."""
    command = f"{program()} {shell('blend', str(folder.path))}"
    invocation = Invocation(
        folder=folder.path / BLEND,
        command=command,
        choices=planned.choices,
        is_prepared=False,
        fingerprint=None,
        parent_run_id=parent_run_id,
    )
    try:
        run(planned.config, invocation, announce, _find_known(folder, mixture, planned.config))
    except FitError as error:
        write_failure(invocation.folder, describe_error(error), (), command=command)


def blend_planned(folder: SweepFolder, plan: SweepRecord, configs: Mapping[int, Config], reuse: Reuse) -> SweepRecord:
    """
    Blend the cells of a sweep that this process has run with these configs, by their number, as sweep.blend asks.

    If they cannot be blended, say why: the sweep itself is complete.
    """
    present = resolve(compose([]))

    def read_config(cell: Cell) -> Config:
        planned = configs[cell.number]
        recorded = find_config(folder.folder_of(cell), planned.tracking.uri, present=present)
        places = {key: getattr(planned.data, key) for key in ("path", "test_path")}
        data = recorded.data.model_copy(update=places)
        here = {key: getattr(planned, key) for key in ("tracking", "azure", "reuse")}
        return recorded.model_copy(update={"data": data, **here})

    try:
        with progress() as announce:
            return blend_sweep(folder, plan, read_config, announce, reuse)
    except BlendError as error:
        show_notice(f"no blend: {error}")
        return plan


def _read(folder: SweepFolder, outcome: Outcome, read_config: ReadConfig) -> Candidate | None:
    """Return a cell with its predictions; None, and say why, if they are broken. One without a result has no words."""
    if outcome.record is None:
        return None
    reason = outcome.problem
    try:
        predictions = read_predictions(folder.folder_of(outcome.cell), FOLDS)
        if not np.isfinite(predictions["predicted"]).all():
            reason = reason or "it predicts values that are not finite"
        if reason is None:
            return Candidate(outcome.cell, outcome.record, read_config(outcome.cell), predictions)
    except RecordError as error:
        reason = str(error)
    show_notice(f"cell {outcome.cell.number} ({outcome.cell.name}) is left out of the blend: {reason}")
    return None


def _choose(candidates: Sequence[Candidate], rank: str) -> Mixture:
    table, metric = candidates[0].predictions, find_metric(rank)
    y, rows, folds = (table[name].to_numpy() for name in ("actual", "row", "fold"))
    predictions = np.array([each.predicted for each in candidates])
    in_order = candidates[0].config.split.kind == "chronological"
    of_rows = read_weights(table)
    of_folds = choose_fold_weights(y, predictions, rows, folds, metric, of_rows, in_order=in_order)
    return Mixture(candidates, choose_weights(y, predictions, rows, folds, metric, of_rows), of_folds)


def build_config(mixture: Mixture, rank: str) -> Config:
    """Return the config of a blend: that of its heaviest member, with all members, ranked as the sweep is."""
    chosen = [mixture.candidates[number] for number in mixture.members]
    members = [
        mixture.candidates[number].describe(int(mixture.weights[number]), mixture.fold_weights[:, number].tolist())
        for number in mixture.members
    ]
    first = chosen[0].config
    metrics = list(dict.fromkeys([*first.evaluation.metrics, rank]))
    with_dates = next((each.config.preprocessing for each in chosen if each.config.preprocessing.date), None)
    return first.model_copy(
        update={
            "blend": members,
            "preprocessing": with_dates or first.preprocessing,  # of all members it only tells which columns are read
            "search": NoSearch.model_validate({"kind": "none"}),
            "evaluation": first.evaluation.model_copy(update={"metrics": metrics, "rank": rank}),
            "tracking": first.tracking.model_copy(update={"run_name": None}),
            "open": False,
        }
    )


def _find_shared_choices(candidates: Sequence[Candidate]) -> Mapping[str, str]:
    """Return the chosen options that all cells have, but for those of the members."""
    first, *others = (each.record.choices.items() for each in candidates)
    return dict(item for item in first if all(item in other for other in others) and item[0] not in OF_MEMBERS)


def _check_table(config: Config, candidate: Candidate) -> None:
    """Raise DataError if the table, or the test file, is not the one that the cells had."""
    dataset = candidate.record.dataset
    for key, path, expected in (
        ("path", config.data.path, dataset.sha256),
        ("test_path", config.data.test_path, dataset.test_sha256),
    ):
        if path is not None and hashlib.sha256(read_bytes(path)).hexdigest() != expected:
            raise DataError(
                f"data.{key}={path!r} is not the table of the cells, whose sha256 is {expected}; set data.{key} to "
                "where that is"
            )


def _find_known(folder: SweepFolder, mixture: Mixture, config: Config) -> Known | None:
    """Return what the cells have computed, if the present code and packages would make the same of it."""
    chosen = [mixture.candidates[number] for number in mixture.members]
    if not all(_is_present(each, config) for each in chosen):
        return None
    predicted = RecordedFolds(", ".join(str(each.record.id)[:12] for each in chosen), mixture.predict())
    models = [_load(folder.folder_of(each.cell), each) for each in chosen]
    return Known(lambda _: predicted, models)


def _is_present(candidate: Candidate, config: Config) -> bool:
    """Return whether the code and the packages are those of a cell."""
    then: Mapping[str, Any] = candidate.record.identity or {}
    now = identify(config, candidate.record.dataset.sha256)
    versions = {name: now["versions"].get(name) for name in then.get("versions", {})}
    sources = [{**each.get("source", {}), **each.get("user_source", {})} for each in (then, now)]
    return then.get("versions") == versions and sources[0].items() <= sources[1].items()


def _load(folder: RunFolder, candidate: Candidate) -> Pipeline | None:
    """Return the fitted model of a cell; None if it is not here, or was fitted elsewhere: then it is fitted again."""
    name = f"{MODEL}/{MODEL_FILE}"
    if not folder.has(name):
        return None
    try:
        folder.check_file(name, candidate.record)
        return load_recorded(folder.path / MODEL, candidate.record.files.get(name))[0]
    except (RecordError, ModelFileError) as error:
        show_notice(f"cell {candidate.cell.number} ({candidate.cell.name}) is fitted again: {error}")
        return None
