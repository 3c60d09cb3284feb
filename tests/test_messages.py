"""What is said of a mistake names what has it, so that it can be found and corrected."""

import pytest

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model=tree,linear", "model.estimator.max_depth=2"), "model=linear: unknown key 'model.estimator.max_depth'"),
        (
            ("model=tree,linear", "seed=0,1", "model.estimator.max_depth=2"),
            "model=linear seed=0, model=linear seed=1: unknown key 'model.estimator.max_depth'",
        ),
        (
            ("model=tree", "model.estimator.max_depth=2,deep"),
            "model.estimator: The 'max_depth' parameter",
        ),
        (("model=linear,rff",), "model has no option 'rff'; did you mean 'rf'"),
        (("model=tree", "seed=0,1", "model.estimator.max_depth=deep"), "model.estimator: The 'max_depth' parameter"),
        (("model=[tree,rf]", "seed=0,1"), "model=[tree,rf] mixes the arguments of 2 models; choose one, or sweep"),
    ],
)
def test_a_sweep_names_the_cells_that_have_a_problem_unless_all_have_it_or_it_tells_them(
    bikeml_main, workdir, capsys, words, said
):
    assert bikeml_main("-m", *words, *FAST) == 2
    assert capsys.readouterr().err.startswith(f"bikeml: {said}")
    assert list(workdir.iterdir()) == []
