"""The page about the packages and rooms of src/ is true."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tools"))
import house  # noqa: E402

BLEMORE = REPOSITORY / "src/blemore"
ROOMS = {path.stem for path in BLEMORE.glob("*.py") if path.stem != "__init__"}
ROOMS |= {path.parent.name for path in BLEMORE.glob("*/__init__.py")}


def test_the_page_lists_every_room():
    assert set(house.rooms()) == ROOMS


def test_the_study_has_at_most_22_names_at_its_top():
    assert len(ROOMS) <= 22


def test_the_science_is_at_most_13500_lines():
    science = [count for name, chosen in house.rooms().items() if chosen for count in house.lines(BLEMORE / name)]
    assert 0 < sum(science) <= 13_500
