"""Cells of a sweep, compared with the best one: false claims, power, and coverage of the simultaneous intervals."""

from collections.abc import Iterator

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student_t
from sklearn.model_selection import RepeatedKFold

from bikeml.evaluation.uncertainty.comparison import Comparison, compare_with_best
from simulations import Finding

N_CELLS, N_FOLDS, N_ROWS = 18, 5, 150
RATIO = 1 / (N_FOLDS - 1)
N_GAUSSIAN, N_TABLES = 4000, 1500
ALPHA = 0.05


def simulate(seed: int, share: float) -> Iterator[Finding]:
    """Yield the findings, each of a `share` of the draws."""
    rng = np.random.default_rng(seed)
    yield from simulate_gaussian(rng, max(20, round(share * N_GAUSSIAN)))
    yield from simulate_ridge(rng, max(10, round(share * N_TABLES)))


def simulate_gaussian(rng: np.random.Generator, n_sweeps: int) -> Iterator[Finding]:
    """Yield the findings of Gaussian scores, whose folds depend on each other as Nadeau and Bengio assume."""
    for name, covariance in build_covariances().items():
        for repeats in (1, 10):
            sweeps = [draw_gaussian(rng, covariance, repeats) for _ in range(n_sweeps)]
            yield find_false_claims(f"{name}, {_folds(repeats)}", sweeps, at_most=0.06)
    sweeps = [draw_gaussian(rng, np.eye(N_CELLS), 1, df=5) for _ in range(n_sweeps)]
    yield find_false_claims("alike, and some folds are much harder, 5 folds", sweeps)
    losses = np.linspace(0, 3, N_CELLS)
    sweeps = [draw_gaussian(rng, np.eye(N_CELLS), 1) - losses[:, None] for _ in range(n_sweeps)]
    yield find_coverage("18 unequal Gaussian cells, 5 folds", sweeps, losses)
    losses = np.repeat([0, 1.9, 9], [3, 3, 12])
    sweeps = [draw_gaussian(rng, np.eye(N_CELLS), 10) - losses[:, None] for _ in range(n_sweeps)]
    yield find_coverage("3 good Gaussian cells, 3 worse, 12 much worse, 10 x 5 folds", sweeps, losses)
    yield find_power("the 3 worse of them", sweeps, losses == losses[3])


def simulate_ridge(rng: np.random.Generator, n_tables: int) -> Iterator[Finding]:
    """Yield the findings of ridge models on tables of N_ROWS rows."""
    for repeats in (1, 10):
        equal = draw_tables(rng, n_tables, repeats, np.zeros(N_CELLS, dtype=int))
        yield find_false_claims(f"18 equal ridge models, {N_ROWS} rows, {_folds(repeats)}", equal, at_most=0.06)
    is_blind = np.arange(N_CELLS) >= N_CELLS // 2
    for repeats in (1, 10):
        unequal = draw_tables(rng, n_tables, repeats, is_blind.astype(int))
        truth = np.mean([scores.mean(axis=1) for scores in unequal], axis=0)
        what = f"worse by {truth[~is_blind].mean() - truth[is_blind].mean():.2f} in R², {_folds(repeats)}"
        yield find_power(f"9 of 18 ridge models are {what}", unequal, is_blind)
        two = [0, N_CELLS - 1]
        yield find_power(f"1 of 2 is {what}", [scores[two] for scores in unequal], is_blind[two])


def build_covariances() -> dict[str, np.ndarray]:
    """Return the covariances of the scores of equal cells: what the cells share in a fold, and how much each varies."""
    groups = np.arange(N_CELLS) // 6
    std = np.where(np.arange(N_CELLS) < N_CELLS // 2, 1.0, 0.1)
    return {
        "18 equal Gaussian cells": np.eye(N_CELLS),
        "in 3 groups of similar ones": 0.95 * (groups[:, None] == groups) + 0.05 * np.eye(N_CELLS),
        "9 of 18 vary 10 times less": np.diag(std**2),
        "18 that vary 1 to 10 times as much": np.diag(np.geomspace(0.1, 1, N_CELLS) ** 2),
    }


def draw_gaussian(
    rng: np.random.Generator, covariance: np.ndarray, repeats: int, df: float | None = None
) -> np.ndarray:
    """
    Return Gaussian scores of one sweep, shape (n_cells, n_folds); with `df`, Student's, whose folds vary unequally.

    The correlation of two folds is the share of the rows that a fold is scored on, as Nadeau and Bengio assume.
    """
    root, rho, n_folds = np.linalg.cholesky(covariance), 1 / N_FOLDS, N_FOLDS * repeats
    of_all, of_fold = rng.standard_normal((len(root), 1)), rng.standard_normal((len(root), n_folds))
    if df is not None:
        of_fold *= np.sqrt((df - 2) / rng.chisquare(df, n_folds))
    return np.asarray(root @ (np.sqrt(rho) * of_all + np.sqrt(1 - rho) * of_fold))


def draw_tables(rng: np.random.Generator, n_tables: int, repeats: int, blind: np.ndarray) -> list[np.ndarray]:
    """Return the R² of ridge models on the folds of many tables; see draw_table."""
    seeds = rng.integers(2**32, size=n_tables)
    return list(Parallel(2)(delayed(draw_table)(seed, repeats, blind) for seed in seeds))


def draw_table(seed: int, repeats: int, blind: np.ndarray) -> np.ndarray:
    """
    Return the R² of ridge models on the folds of one table, shape (n_cells, n_folds).

    Each model sees 10 features, without the first `blind` of them, and 5 columns of noise of its own. So models that
    are equally blind are equally good, and their scores depend on each other as those of real models do.
    """
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N_ROWS, 10))
    y = features @ np.linspace(1.6, 0.4, 10) + 2 * rng.standard_t(6, N_ROWS)
    seen = np.where(np.arange(10) >= blind[:, None, None], features, 0)
    X = np.concatenate([seen, rng.standard_normal((len(blind), N_ROWS, 5))], axis=2)
    folds = RepeatedKFold(n_splits=N_FOLDS, n_repeats=repeats, random_state=int(rng.integers(2**32)))
    return np.transpose([_score_ridge(X, y, fit, score) for fit, score in folds.split(y)])


def _score_ridge(X: np.ndarray, y: np.ndarray, fit: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the R² of each ridge model on the rows `score`; X has the shape (n_cells, n_rows, n_features)."""
    centre, mean = X[:, fit].mean(axis=1, keepdims=True), y[fit].mean()
    here, there = X[:, fit] - centre, X[:, score] - centre
    turned = here.transpose(0, 2, 1)
    weights = np.linalg.solve(turned @ here + np.eye(X.shape[2]), (turned @ (y[fit] - mean))[..., None])
    errors = y[score] - mean - (there @ weights)[..., 0]
    return 1 - (errors**2).sum(axis=1) / ((y[score] - y[score].mean()) ** 2).sum()


def find_false_claims(what: str, sweeps: list[np.ndarray], at_most: float | None = None) -> Finding:
    """Measure how often some cell is told from the best, though all are equal."""
    now = [not _compare(scores).is_indistinguishable.all() for scores in sweeps]
    before = [bool((_find_p(scores) < ALPHA).any()) for scores in sweeps]
    return Finding(what, "false claims", float(np.mean(now)), at_most=at_most, before=float(np.mean(before)))


def find_power(what: str, sweeps: list[np.ndarray], is_worse: np.ndarray) -> Finding:
    """Measure which share of the worse cells is told from the best, if that is none of them."""
    now = [_share(~_compare(scores).is_indistinguishable, scores, is_worse) for scores in sweeps]
    before = [_share(_find_p(scores) < ALPHA, scores, is_worse) for scores in sweeps]
    return Finding(what, "told apart", float(np.mean(now)), before=float(np.mean(before)))


def find_coverage(what: str, sweeps: list[np.ndarray], losses: np.ndarray) -> Finding:
    """Measure how often all intervals of a sweep hold the true differences."""
    return Finding(what, "coverage of all intervals", float(np.mean([_covers(each, losses) for each in sweeps])), 0.93)


def _covers(scores: np.ndarray, losses: np.ndarray) -> bool:
    found = _compare(scores)
    errors = found.differences - (losses[found.best] - losses)
    return bool((np.abs(errors) <= found.half_widths).all())


def _share(is_told: np.ndarray, scores: np.ndarray, is_worse: np.ndarray) -> float:
    return 0.0 if is_worse[_find_best(scores)] else float(is_told[is_worse].mean())


def _compare(scores: np.ndarray) -> Comparison:
    return compare_with_best(scores, _find_best(scores), RATIO)


def _find_best(scores: np.ndarray) -> int:
    return int(scores.mean(axis=1).argmax())


def _find_p(scores: np.ndarray) -> np.ndarray:
    """Return the p-values of the corrected resampled t-test against the best cell, which was shown before."""
    differences = np.delete(scores, best := _find_best(scores), axis=0) - scores[best]
    n_folds = scores.shape[1]
    errors = np.sqrt((1 / n_folds + RATIO) * differences.var(axis=1, ddof=1))
    p = 2 * student_t.sf(np.abs(differences.mean(axis=1)) / errors, n_folds - 1)
    return np.insert(p, best, 1.0)


def _folds(repeats: int) -> str:
    return "5 folds" if repeats == 1 else f"{repeats} x 5 folds"
