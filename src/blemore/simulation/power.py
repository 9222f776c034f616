"""How large a difference some persons can show: the noise of a Score, and of a paired difference, over made-up studies.

Two systems are compared on the same persons: the mean of all encoders against the mean without the strongest one, both
decided with thresholds that are best over very many persons, so that persons are the only noise. With normal errors a
true difference of (z(1 - .05 / 2) + z(.8)) standard deviations is found in 80 % of such comparisons at the 5 % level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from blemore.fusion import scaling
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import accuracies, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.simulation.study import Settings, simulate

POWER, LEVEL = 0.8, 0.05
POOL = 400
"""Made-up persons; groups of the asked sizes are drawn from them."""


@dataclass(frozen=True)
class Power:
    """What a group of `persons` can show.

    score : mean Score of the better system; score_sd : its standard deviation over groups.
    difference : true mean difference; difference_sd : its standard deviation over groups, paired.
    detectable : smallest true difference that is found in 80 % of comparisons at the 5 % level; detectable_unpaired :
    the same where the two systems are judged on different persons.
    """

    persons: int
    score: float
    score_sd: float
    difference: float
    difference_sd: float
    detectable: float
    detectable_unpaired: float


def power(settings: Settings, sizes: Sequence[int], *, groups: int, seed: int) -> list[Power]:
    """The power of groups of each size.

    Parameters
    ----------
    settings : of the made-up study; its number of persons does not matter.
    sizes : persons of a group, each at least 2; groups : how many are drawn (without replacement inside a group).
    """
    study = simulate(replace(settings, persons=POOL, new_persons=0), seed)
    rows = Rows.of(study.clips)
    stacked = np.stack([table[list(CLASSES)].to_numpy() for table in study.tables.values()])
    stacked = scaling.fit(stacked, study.truth / 100).apply(stacked)
    sums = []
    for values in (stacked.mean(axis=0), stacked[1:].mean(axis=0)):
        decided = exact_optimum(values, study.truth).decide(values)
        sums.append(sums_of_persons(rows, decided))
    draw = np.random.default_rng(seed)
    reach = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(POWER)
    powers = []
    for size in sizes:
        chosen = np.stack([draw.choice(POOL, size, replace=False) for _ in range(groups)])  # (groups, size)
        better, other = (accuracies(part[chosen].sum(axis=1))[2] for part in sums)  # (groups,)
        difference = better - other
        # Drawn from a finite pool, groups vary less than new persons would.
        larger = np.sqrt(POOL / (POOL - size))
        score_sd, other_sd, sd = (part.std(ddof=1) * larger for part in (better, other, difference))
        unpaired = np.hypot(score_sd, other_sd)
        numbers = better.mean(), score_sd, difference.mean(), sd, reach * sd, reach * unpaired
        powers.append(Power(size, *map(float, numbers)))
    return powers
