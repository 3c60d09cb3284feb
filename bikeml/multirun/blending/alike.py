"""Say before a sweep runs whether one blend could have all of its cells."""

from collections.abc import Sequence

from bikeml.config.schema import Config
from bikeml.config.sections import keep_result
from bikeml.errors import BlendError


def check_alike(configs: Sequence[Config]) -> None:
    """Raise BlendError, before they run, if one blend could not have cells of all these configs."""
    if any(config.evaluation.nested for config in configs):
        raise BlendError(
            "evaluation.nested=true chooses parameters anew in each fold, and a member of a blend has the same in all; "
            "set it to false, or sweep.blend=false"
        )
    for name in ("split", "data"):
        kinds = [keep_result(getattr(config, name).model_dump(), type(getattr(config, name))) for config in configs]
        places = [(config.data.path, config.data.test_path) for config in configs]
        if any(kind != kinds[0] for kind in kinds) or any(place != places[0] for place in places):
            raise BlendError(
                f"a blend takes cells of one table and one split, and {name} varies among these; keep it fixed, or set "
                "sweep.blend=false"
            )
