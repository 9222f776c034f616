"""The headline once more, without the encoders of which nobody says whom their models were trained on."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from blemore.decide.run import calibrate
from blemore.fusion.run import fuse
from joblineage import declare


def decisions_without(
    unknown: Collection[str],
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    *,
    fusion: Mapping[str, Any],
    kappas: Sequence[float],
) -> pd.DataFrame | None:
    """Decisions of the whole study, fused and calibrated anew from the other encoders.

    Parameters
    ----------
    unknown : names of the encoders to leave out.
    tables : probabilities table of each encoder.
    clips : clips table of the study.
    fusion : what `fusion.run.fuse` takes besides tables and clips: options, families and seed.
    kappas : as for `calibration.run.calibrate`.

    Returns
    -------
    As `Calibrated.decisions`; None where nothing is left out, or nothing would be left.
    """
    known = {name: table for name, table in tables.items() if name not in unknown}
    if not unknown or not known:
        return None
    with declare.within("known"):
        fused = fuse(known, clips, **fusion)
        return calibrate(fused.views, fused.probabilities, clips, kappas).decisions
