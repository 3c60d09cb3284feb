"""Build the estimators that a config names, only those of allowed packages, and tell what is wrong with them."""

import importlib
import re
from collections.abc import Iterator, Mapping, ValuesView
from typing import Any

from sklearn import __version__ as sklearn_version
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, is_regressor
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

from bikeml.errors import ConfigError
from bikeml.experiment.encoding.names import names_interactions, takes_names
from bikeml.experiment.trusted.functions import FUNCTIONS, GET_METHOD, OBJECTS, find_function, find_object
from bikeml.experiment.trusted.packages import (
    ALLOWED_PACKAGES_VARIABLE,
    ESTIMATORS,
    advise_install,
    has_role,
    list_arguments,
    list_packages,
)
from bikeml.experiment.trusted.types import NOT_SAVED
from bikeml.system.spelling import did_you_mean

EXPERIMENTAL = {
    "IterativeImputer": "enable_iterative_imputer",
    "HalvingGridSearchCV": "enable_halving_search_cv",
    "HalvingRandomSearchCV": "enable_halving_search_cv",
}
"""The classes that scikit-learn has only after one of its experimental modules is imported."""
HAS_SPLITTER = tuple(map(int, sklearn_version.split(".")[:2])) >= (1, 9)
"""Whether TargetEncoder's cv takes a splitter; then its shuffle and random_state are deprecated."""
STEPS_BEFORE = "name its last step here, and put the steps before it into preprocessing.after"
"""What to do with a Pipeline as the model: the run's own pipeline has these places."""

NO_STEPS: Mapping[str, tuple[str, ...]] = {
    "returns the transformed target too, so no step can follow it; choose PCA, or PLSRegression as the model": (
        *("CCA", "PLSCanonical", "PLSRegression", "PLSSVD"),
    ),
    "encodes targets, not columns; choose OneHotEncoder or OrdinalEncoder": (
        *("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"),
    ),
    "learns classes, and the target is a number; choose another transformer": (
        *("LinearDiscriminantAnalysis", "NeighborhoodComponentsAnalysis", "StackingClassifier", "VotingClassifier"),
    ),
    "takes dictionaries, not columns; choose OneHotEncoder": ("DictVectorizer", "FeatureHasher"),
    "takes pictures, not columns; choose another transformer": ("PatchExtractor",),
    "takes a kernel, not columns; choose KernelPCA or Nystroem": ("KernelCenterer",),
    "returns no columns; choose it as the model": ("IsotonicRegression",),
    "has no transform, so it cannot encode new rows; choose PCA, Isomap or LocallyLinearEmbedding": ("TSNE",),
    "takes an array as its dictionary, which no config can hold; choose DictionaryLearning": ("SparseCoder",),
}
"""The transformers of scikit-learn 1.9 that cannot be steps for columns, by the reason and the cure."""


def build(value: Any, key: str = "estimator") -> Any:  # noqa: ANN401  an argument of an estimator can be anything
    """
    Return `value` with what each mapping with a `_target_` describes, at any depth; keep other values.

    That is an estimator, or a function or object of :mod:`bikeml.experiment.trusted.functions`.
    """
    if isinstance(value, list):
        return [build(item, key) for item in value]
    if not isinstance(value, Mapping):
        return value
    built = {name: build(item, f"{key}.{name}") for name, item in value.items()}
    if "_target_" not in built:
        return built
    target = built.pop("_target_")
    if target == GET_METHOD:
        return find_function(key, built)
    found = find_class(key, target, BaseEstimator)
    return found(**(_complete(built) if found is TargetEncoder else built))


def _complete(arguments: dict[str, Any]) -> dict[str, Any]:
    """
    Return the arguments of a TargetEncoder for a target that is a number, as scikit-learn 1.9 wants them.

    It takes whole numbers for classes, and would make a column of each. Its folds are those that 1.8 makes.
    """
    if arguments.get("target_type", "auto") == "auto":
        arguments = {**arguments, "target_type": "continuous"}
    if not HAS_SPLITTER or not isinstance(arguments.get("cv", 5), int):
        return arguments
    rest = {name: value for name, value in arguments.items() if name not in ("cv", "shuffle", "random_state")}
    shuffle = arguments.get("shuffle", True)
    seed = arguments.get("random_state") if shuffle else None
    return {**rest, "cv": KFold(arguments.get("cv", 5), shuffle=shuffle, random_state=seed)}


def find_class(key: str, target: str, role: type) -> Any:  # noqa: ANN401  a class, or make_scorer
    """
    Return the estimator class called `target`, or one of OBJECTS if only an argument is wanted.

    Raises ConfigError if it is not one of an allowed package, or could not be loaded from a model.
    """
    if target in OBJECTS and role in (object, BaseEstimator):
        return find_object(target)
    allowed = list_packages()
    module_name, _, class_name = target.rpartition(".")
    where = f"{key}._target_={target!r}"
    example = "preprocessing.StandardScaler" if role is TransformerMixin else "linear_model.Lasso"
    such_as = f"name a class such as sklearn.{example}"
    widen = f"to allow another package, set {ALLOWED_PACKAGES_VARIABLE} in the environment"
    if not module_name:
        raise ConfigError(f"{where} has no module; {such_as}")
    if module_name.split(".")[0] not in allowed:
        listed = any(target in names for names in FUNCTIONS.values())
        cure = f"write a function as {{_target_: {GET_METHOD}, path: {target}}}" if listed else widen
        raise ConfigError(f"{where} is not in an allowed package ({', '.join(allowed)}); {cure}")
    found = _import_class(where, module_name, class_name, such_as)
    if not (isinstance(found, type) and has_role(found, role)):
        kind = {RegressorMixin: "a regressor", TransformerMixin: "a transformer"}.get(role, "an estimator")
        is_pipeline = role is RegressorMixin and class_name in ("Pipeline", "make_pipeline")
        raise ConfigError(f"{where} is not {kind} class; {STEPS_BEFORE if is_pipeline else such_as}")
    if found.__module__.split(".")[0] not in allowed:
        raise ConfigError(f"{where} is defined in {found.__module__!r}, not in {', '.join(allowed)}; {widen}")
    name = f"{found.__module__}.{found.__name__}"
    if name in NOT_SAVED:
        raise ConfigError(f"{where} cannot be saved with the model; choose another estimator, such as KMeans")
    package = name.partition(".")[0]
    if found.__name__ != ESTIMATORS.get(package, found.__name__):  # the model could be saved and not loaded
        loaded = f"of {package} it loads {ESTIMATORS[package]}"
        raise ConfigError(f"{where} is not an estimator that bikeml loads from a model; {loaded}")
    return found


def _import_class(where: str, module_name: str, class_name: str, such_as: str) -> Any:  # noqa: ANN401  any object
    try:
        if class_name in EXPERIMENTAL:  # scikit-learn's own switch
            importlib.import_module(f"sklearn.experimental.{EXPERIMENTAL[class_name]}")
        module = importlib.import_module(module_name)
    except (ImportError, OSError, ValueError) as error:  # of a booster, also that its compiled library is not there
        advice = advise_install(module_name.partition(".")[0], error) or such_as
        raise ConfigError(f"{where} cannot be imported: {error}; {advice}") from error
    found = getattr(module, class_name, None)
    if found is None:
        hint = did_you_mean(class_name, [name for name in dir(module) if name[0].isupper()])
        raise ConfigError(f"{where} does not exist{hint}; {such_as}")
    return found


def find_problems(key: str, spec: Mapping[str, Any], role: type) -> Iterator[str]:
    """Yield what is wrong with the estimator at `key`, which must be a subclass of the mixin class `role`."""
    if spec["_target_"] == GET_METHOD and role is object:
        yield from _function_problems(key, spec)
        return
    try:
        estimator_class = find_class(key, str(spec["_target_"]), role)
    except ConfigError as error:
        yield str(error)
        return
    arguments = {name: value for name, value in spec.items() if name != "_target_"}
    problems = [
        *_argument_problems(key, estimator_class, arguments),
        *(problem for path, nested in find_nested(key, arguments) for problem in find_problems(path, nested, object)),
    ]
    yield from problems or _value_problems(key, spec, role)


def _function_problems(key: str, spec: Mapping[str, Any]) -> Iterator[str]:
    try:
        build(spec, key)
    except ConfigError as error:
        yield str(error)


def _argument_problems(key: str, estimator_class: type, arguments: Mapping[str, Any]) -> Iterator[str]:
    known = list_arguments(estimator_class)
    for name in arguments:
        if name.startswith("_"):
            yield f"{key}.{name} is for Hydra's instantiate, and bikeml makes each estimator itself; leave it out"
        elif known is not None and name not in known:
            hint = did_you_mean(name, known)
            yield (
                f"{key}.{name}: {estimator_class.__name__} has no such argument{hint}; it has {', '.join(known)}; "
                f"if the option that you chose sets it, take it away with ~{key}.{name}"
            )
        else:
            yield from find_forbidden(f"{key}.{name}", arguments[name])


def find_forbidden(key: str, value: object) -> Iterator[str]:
    """Yield why no estimator takes the value of an argument, whose name is the last one in the key."""
    name = re.split(r"\.|__", key)[-1]
    if name == "memory" and value is not None:
        yield f"{key}={value!r} is for pickles, which joblib loads and which run code; write null"
    elif name in FUNCTIONS and isinstance(value, str):
        yield f"{key}={value!r} is text; write a function as {{_target_: {GET_METHOD}, path: {value}}}"


def find_nested(key: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the estimators inside an argument with their keys, at any depth of mappings and lists."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(item, Mapping) and "_target_" in item:
            yield f"{key}.{name}", item
        else:
            yield from find_nested(f"{key}.{name}", item)


def _value_problems(key: str, spec: Mapping[str, Any], role: type) -> Iterator[str]:
    try:
        estimator = build(spec, key)
        validate(estimator)
        yield from (f"{key}: {type(estimator).__name__} {reason}" for reason in _find_misfits(key, estimator, role))
    except Exception as error:  # noqa: BLE001  a constructor of any package may raise any error
        yield f"{key}: {describe(error)}"


def validate(estimator: Any) -> None:  # noqa: ANN401  of any package
    """Make the check of arguments that fit() makes first; raises InvalidParameterError."""
    if hasattr(estimator, "_parameter_constraints"):  # other packages' estimators may have none
        estimator._validate_params()  # noqa: SLF001  no public function makes it without data (scikit-learn 1.9)


def describe(error: Exception) -> str:
    """Return what a constructor or the check of arguments says."""
    return str(error) if isinstance(error, InvalidParameterError) else f"{type(error).__name__}: {error}"


def _find_misfits(key: str, estimator: Any, role: type) -> Iterator[str]:  # noqa: ANN401  of any package
    """Yield why an estimator that works in scikit-learn cannot have this place in a pipeline."""
    if key != "model.estimator" and isinstance(getattr(estimator, "monotonic_cst", None), Mapping):
        yield from [] if takes_names(estimator) else ["takes no names in monotonic_cst here; choose model=hist_gbr"]
    constraints = getattr(estimator, "monotonic_cst", None)
    signs = constraints.values() if isinstance(constraints, Mapping) else constraints
    wrong = [sign for sign in signs if sign not in (-1, 0, 1)] if isinstance(signs, list | ValuesView) else []
    if wrong:
        yield f"takes in monotonic_cst 1 to increase, -1 to decrease and 0 for neither; got {wrong[0]!r}"
    if key != "model.estimator" and names_interactions(estimator):
        yield "takes no names in interaction_cst here, but in model.estimator; give positions"
    if role is RegressorMixin and not isinstance(estimator, RegressorMixin) and not is_regressor(estimator):
        yield "is not a regressor; give it an estimator that is one, such as sklearn.linear_model.Ridge"
    elif role is RegressorMixin and not get_tags(estimator).target_tags.single_output:
        yield "predicts several targets at once, and a table has one; choose a regressor of one target"
    if role is TransformerMixin:
        yield from (reason for reason, names in NO_STEPS.items() if type(estimator).__name__ in names)
        if hasattr(estimator, "build_analyzer") and not key.startswith(("preprocessing.text", "preprocessing.columns")):
            yield "takes text; put it into preprocessing.text, and name the columns in data.text"
