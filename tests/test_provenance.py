from importlib.metadata import version

from bikeml import provenance


def test_the_packages_are_those_that_importlib_finds_sorted_by_name():
    packages = provenance.gather("python -m bikeml").packages
    assert {name: version(name) for name in packages} == packages
    assert {"scikit-learn", "mlflow", "bikeml"} <= set(packages)
    assert list(packages) == sorted(packages, key=str.lower)


def test_the_command_is_of_each_run_and_holds_no_secret():
    assert provenance.gather("python -m bikeml model=rf").command == "python -m bikeml model=rf"
    assert (
        provenance.gather("bikeml tracking.uri=http://me:secret@host").command == "bikeml tracking.uri=http://***@host"
    )
