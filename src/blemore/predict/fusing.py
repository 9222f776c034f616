"""The study's final fusion and decision, applied to new clips."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide.chains import INDUCTIVE, TRANSDUCTIVE, Single
from blemore.decide.personal.choice import Fitted
from blemore.fusion.nested import Candidate
from blemore.fusion.run import stack
from blemore.scoring.decoders import Decoder
from blemore.scoring.rows import Rows


def fused_values(final: Candidate, tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> np.ndarray:
    """(n, 6) fused probabilities of `clips`, in their order.

    tables : probabilities table of each encoder, in the fusion's order.
    """
    return final.apply(Rows.of(clips, stack(tables, clips)))


def single(models: Mapping[str, Any]) -> Single:
    """How a clip is decided by itself; models : of bundle.json."""
    return Single(Decoder.from_json(models[INDUCTIVE]), personal(models).logit)


def personal(models: Mapping[str, Any]) -> Fitted:
    """The personal model; models : of bundle.json."""
    return Fitted.from_json(models[TRANSDUCTIVE])
