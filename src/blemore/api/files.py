"""The tables and predictions that people hand in, read and written as DataFrames."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemore.api import given
from blemore.scoring.columns import Table
from blemore.scoring.reading import load_json, read_bytes

if TYPE_CHECKING:
    import pandas as pd

    from blemore.decide.personal.choice import Fitted
    from blemore.scoring.decoders import Decoder


def read_probabilities(path: str | Path) -> "pd.DataFrame":
    """Read a table of probabilities, checked.

    Parameters
    ----------
    path : str or Path
        A .csv or .parquet file with the columns clip, ang, disg, fea, hap, sad, neu; others are kept.

    Returns
    -------
    DataFrame
        One row per clip, names without extension, probabilities as float64; each row sums to 1.

    Raises
    ------
    DataError
        A column is missing, or a row is wrong; the message names file, row and clip.

    Examples
    --------
    >>> import blemore
    >>> blemore.read_probabilities("table.csv")
          clip  ang  disg  fea  hap   sad  neu
    0  A1000_a  0.6  0.05  0.0  0.0  0.35  0.0
    1  A1001_b  0.1  0.10  0.1  0.5  0.10  0.1
    """
    import pandas as pd

    return pd.DataFrame(given.probabilities(path).columns)


def read_truth(path: str | Path) -> "pd.DataFrame":
    """Read labels in the form of the challenge's train_metadata.csv, checked.

    Parameters
    ----------
    path : str or Path
        A .csv or .parquet file with the columns filename (or clip), emotion_1, emotion_2, emotion_1_salience,
        emotion_2_salience; the second emotion empty for a single, saliences in percent.

    Returns
    -------
    DataFrame
        Columns clip, the labels, and person and fold where the file has them; sorted by clip.

    Raises
    ------
    DataError
        A column is missing, or a label is wrong; the message names file, row and clip.

    Examples
    --------
    >>> import blemore
    >>> blemore.read_truth("train_metadata.csv")[["clip", "emotion_1", "emotion_2", "emotion_1_salience"]]
          clip emotion_1 emotion_2  emotion_1_salience
    0  A1000_a       ang       sad                70.0
    1  A1001_b       hap                         100.0
    """
    import pandas as pd

    return pd.DataFrame(given.labels(path).columns)


def read_predictions(path: str | Path) -> "pd.DataFrame":
    """Read predictions in the challenge's JSON form.

    Parameters
    ----------
    path : str or Path
        A .json file, with or without the outer "predictions".

    Returns
    -------
    DataFrame
        Columns clip (without extension) and the six saliences in percent, 0 for an absent class.

    Raises
    ------
    DataError
        Not such a file; the message names file and clip.

    Examples
    --------
    >>> import blemore
    >>> blemore.read_predictions("predictions.json")
          clip   ang  disg  fea    hap   sad  neu
    0  A1000_a  70.0   0.0  0.0    0.0  30.0  0.0
    1  A1001_b   0.0   0.0  0.0  100.0   0.0  0.0
    """
    import pandas as pd

    read = given.predictions(path)
    return pd.DataFrame({**read.columns, **given.by_class(read.values)})


def write_predictions(predictions: Table, path: str | Path) -> None:
    """Write predictions in the challenge's JSON form.

    Parameters
    ----------
    predictions : table
        Clip and the six saliences in percent, as `decode` gives them.
    path : str or Path
        The file, written whole or not at all.

    Examples
    --------
    >>> import blemore
    >>> table = blemore.read_probabilities("table.csv")
    >>> blemore.write_predictions(blemore.decode(table, alpha=0.2, beta=0.2), "said.json")
    """
    from blemore.challenge.files import EXTENSION, emotions_of
    from joblineage.files import write_json

    side = given.predictions(predictions)
    rows = zip(side.columns["clip"], side.values, strict=True)
    said = {f"{clip}{EXTENSION}": emotions_of(row) for clip, row in rows}
    write_json(path, {"predictions": said})


def decoder_of(decoder: "Decoder | str | Path") -> "Decoder":
    """The decoder of a file as `Decoder.to_json` gives it, or of a study's models.json; a decoder as it is.

    Parameters
    ----------
    decoder : Decoder or path
        The decoder, or its file.

    Returns
    -------
    Decoder
        The decoder.
    """
    from blemore.scoring.decoders import Decoder

    if isinstance(decoder, Decoder):
        return decoder
    return Decoder.from_json(_final(decoder, "inductive"), str(decoder))


def personal_model_of(model: "Fitted | str | Path") -> "Fitted":
    """The personal model of a file as `Fitted.to_json` gives it, or of a study's models.json; a model as it is.

    Parameters
    ----------
    model : Fitted or path
        The model, or its file.

    Returns
    -------
    Fitted
        The model.
    """
    from blemore.decide.personal.choice import Fitted

    if isinstance(model, Fitted):
        return model
    return Fitted.from_json(_final(model, "transductive"), str(model))


def _final(path: str | Path, variant: str) -> Any:
    """What a JSON file holds; of a study's models that of the test clips."""
    value = load_json(read_bytes(path), str(path))
    if isinstance(value, dict) and isinstance(value.get(variant), dict):
        return value[variant].get("final")
    return value
