"""Who is seen in the study: the codes that an export must not tell."""

from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath

from blemore.datasets.names import parse_name
from blemore.datasets.withdrawn import FILE, known_withdrawn
from blemore.params.parts import DATA_SET
from joblineage.store import Store


def codes(store: Store) -> frozenset[str]:
    """Every person whom the study knows: by the names of the raw clips in its records, and by the denylist."""
    withdrawn = known_withdrawn(store.root / FILE).names
    files = (input_["path"] for record in store.records.values() for input_ in (*record["inputs"], *record["outputs"]))
    known = {
        person for path in files if path.startswith(store.study.raw) and (person := person_of(PurePosixPath(path).stem))
    }
    clips = {person for clip in withdrawn["clips"] if (person := person_of(clip))}
    return frozenset({*known, *withdrawn["persons"], *clips})


def person_of(clip: str) -> str | None:
    """The person whom a training clip's name tells, in the form of any data set; None for any other file's."""
    try:
        return parse_name(clip).person
    except ValueError:
        return next((person for person_in in _other_forms() if (person := person_in(clip))), None)


@cache
def _other_forms() -> list[Callable[[str], str | None]]:
    """`person_of` of the data sets whose clips have names of another form."""
    modules = [DATA_SET.load(name) for name in DATA_SET.names()]
    return [module.person_of for module in modules if hasattr(module, "person_of")]
