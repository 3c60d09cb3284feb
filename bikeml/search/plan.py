"""Decide which candidates of a grid share a fit, and say why the others do not."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Number
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from bikeml.search.layers import Place, find_model, list_layers
from bikeml.search.rules.determinism import why_layers_random
from bikeml.search.rules.rule import Estimator, SharingRule, get_rule

Params: TypeAlias = Mapping[str, Any]  # one candidate, as in cv_results_["params"]


@dataclass(frozen=True)
class Group:
    """
    Candidates that share one fit; a candidate that shares no fit is a group of one without a rule.

    Attributes
    ----------
    indices : tuple of int
        The positions of the candidates in the grid, in ascending order of the shared parameter.
    candidates : tuple of mapping
        Their parameters.
    setting : int
        Groups with the same number have the same parameters outside of the model.
    rule : SharingRule or None
        How the fit is shared.
    axis : str
        The name of the shared parameter in the grid.
    keeps_transformers : bool
        Whether the next group of this setting may use the fitted transformers of this one.
    """

    indices: tuple[int, ...]
    candidates: tuple[Params, ...]
    setting: int
    rule: SharingRule | None = None
    axis: str = ""
    keeps_transformers: bool = False

    @cached_property
    def values(self) -> list[Any]:
        """The values of the shared parameter, in ascending order."""
        return [params[self.axis] for params in self.candidates]

    @cached_property
    def leader(self) -> Params:
        """The parameters of the shared fit."""
        if self.rule is None:
            return self.candidates[0]
        return {**self.candidates[-1], self.axis: self.rule.choose_leader(self.values)}


@dataclass(frozen=True)
class Plan:
    """
    The groups of a grid, and a remark on each of its axes.

    Attributes
    ----------
    groups : tuple of Group
        Every candidate is in exactly one group. Groups with the same transformers stand together.
    remarks : mapping of str to str
        A sentence for each axis of the grid.
    """

    groups: tuple[Group, ...]
    remarks: Mapping[str, str]

    @property
    def is_worthwhile(self) -> bool:
        """Whether anything is shared."""
        return any(group.rule or group.keeps_transformers for group in self.groups)


def make_plan(estimator: Estimator, candidates: Sequence[Params]) -> Plan:
    """
    Sort the candidates of a grid into groups that share a fit.

    Parameters
    ----------
    estimator : estimator
        The estimator of the search; it is not changed.
    candidates : sequence of mapping
        The candidates of the grid in scikit-learn's order.

    Returns
    -------
    plan : Plan
        The groups and the reasons.
    """
    return _Planner(estimator, candidates).make()


@dataclass
class _Planner:
    estimator: Estimator
    candidates: Sequence[Params]
    notes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    settings: dict[Hashable, int] = field(default_factory=dict)
    keeping: dict[int, str | None] = field(default_factory=dict)

    def make(self) -> Plan:
        shared: dict[Hashable, list[tuple[int, Place]]] = defaultdict(list)
        for index, params in enumerate(self.candidates):
            place = find_model(self.estimator, params)
            shared[self._key(index, params, place)].append((index, place))
        groups = [group for members in shared.values() for group in self._group(members)]
        users = Counter(group.setting for group in groups)
        groups = [self._with_transformers(group, users[group.setting]) for group in groups]
        groups.sort(key=lambda group: group.setting)  # stable: the grid's own order within a setting
        return Plan(tuple(groups), self._explain())

    def _key(self, index: int, params: Params, place: Place) -> Hashable:
        """Return the same key for candidates that differ only in the shared parameter."""
        rule = get_rule(place.model)
        if rule is None:
            return index
        axis = place.prefix + rule.parameter
        if axis not in params:
            return index
        if not rule.accepts(params[axis]):
            self.notes[axis][f"not shared: scikit-learn decides whether {params[axis]!r} is valid"] += 1
            return index
        return axis, frozenset((name, _identify(value)) for name, value in params.items() if name != axis)

    def _group(self, members: list[tuple[int, Place]]) -> list[Group]:
        index, place = members[0]
        setting = self._number_setting(self.candidates[index], place)
        alone = [Group((index,), (self.candidates[index],), setting) for index, _ in members]
        if len(members) == 1:
            return alone
        rule = get_rule(place.model)
        if rule is None:  # pragma: no cover # _key gives it a key of its own
            return alone
        axis = place.prefix + rule.parameter
        members = sorted(members, key=lambda member: self.candidates[member[0]][axis])
        indices = tuple(index for index, _ in members)
        group = Group(indices, tuple(self.candidates[index] for index in indices), setting, rule, axis)
        reason = self._why_not(group, rule)
        shared = f"shared: one fit serves all values{_OF_PREDICTIONS if rule.only_predicts else ''}"
        self.notes[axis][f"not shared: {reason}" if reason else shared] += len(members)
        return alone if reason else [group]

    def _why_not(self, group: Group, rule: SharingRule) -> str | None:
        built = _build(self.estimator, group.leader)
        if built is None:
            return "scikit-learn refuses these parameters"
        layers = list_layers(built)
        model = find_model(built, {}).model
        if any(hasattr(part, "_skl_callbacks") for part in [*layers, model]):
            return "callbacks watch every fit"
        return rule.why_not(model) or why_layers_random(layers)

    def _number_setting(self, params: Params, place: Place) -> int:
        outside = frozenset(
            (name, _identify(value))
            for name, value in params.items()
            if not place.prefix or not f"{name}__".startswith(place.prefix)
        )
        return self.settings.setdefault((place.prefix, outside), len(self.settings))

    def _with_transformers(self, group: Group, n_users: int) -> Group:
        if group.rule is None and n_users == 1:
            return group
        if group.setting not in self.keeping:
            self.keeping[group.setting] = self._why_not_keep(group)
        if self.keeping[group.setting] is not None:
            return group
        return Group(group.indices, group.candidates, group.setting, group.rule, group.axis, keeps_transformers=True)

    def _why_not_keep(self, group: Group) -> str | None:
        model = find_model(self.estimator, group.leader).model
        rule = get_rule(model)
        if rule is not None and not rule.takes_locked:
            return f"{type(model).__name__} refuses rows that are read-only"
        built = _build(self.estimator, group.leader)
        if built is None:
            return "scikit-learn refuses these parameters"
        layers = list_layers(built)
        pipelines = [layer for layer in layers if type(layer) is Pipeline]
        if not any(len(pipeline.steps) > 1 for pipeline in pipelines):
            return "there are no transformers"
        if any(pipeline.memory is not None for pipeline in pipelines):
            return "the pipeline has a memory of its own"
        if any(hasattr(part, "_skl_callbacks") for part in [*layers, *built.get_params().values()]):
            return "callbacks watch every fit"
        return why_layers_random(layers)

    def _explain(self) -> dict[str, str]:
        axes = dict.fromkeys(name for params in self.candidates for name in params)
        return {axis: self._explain_axis(axis) for axis in axes}

    def _explain_axis(self, axis: str) -> str:
        notes = self.notes.get(axis, Counter())
        said = [f"{note} ({n} candidates)" for note, n in notes.items()]
        return "; ".join(sorted(said, reverse=True)) or self._explain_unshared(axis)

    def _explain_unshared(self, axis: str) -> str:
        owner: Params = next((params for params in self.candidates if axis in params), {})
        place = find_model(self.estimator, owner)
        if axis == place.prefix.removesuffix("__"):
            return "not shared: every model needs its own fit"
        if not axis.startswith(place.prefix):
            return self._explain_outside(owner, place)
        name = axis.removeprefix(place.prefix)
        rule = get_rule(place.model)
        model = type(place.model).__name__
        if rule is not None and name == rule.parameter:
            return "not shared: it has one value for each setting of the other parameters"
        if rule is None:
            return f"not shared: there is no rule for {model}; see register_rule"
        return f"not shared: {_INEXACT.get(name, f'every value of it gives another {model}')}"

    def _explain_outside(self, owner: Params, place: Place) -> str:
        why = self.keeping.get(self._number_setting(owner, place), "no two candidates have the same transformers")
        if why:
            return f"not shared: {why}"
        return "the transformers are fitted once for each setting and fold, the model each time"


_OF_PREDICTIONS = " for scikit-learn's own scorers"
_INEXACT = {
    "max_depth": "a deep tree cut to a smaller depth is not bit for bit the tree that scikit-learn grows",
    "random_state": "every seed gives another model",
}


def _build(estimator: Estimator, params: Params) -> Estimator | None:
    try:
        return clone(estimator).set_params(**clone(dict(params), safe=False))
    except Exception:  # noqa: BLE001 scikit-learn raises the same error in the search
        return None


def _identify(value: object) -> Hashable:
    """Return a key that is equal for equal plain values; for other objects, only for the same object."""
    if value is None or isinstance(value, Number | str | bytes | np.generic):
        return type(value), repr(value)  # repr distinguishes 0.0 from -0.0
    return id(value)
