"""Join the roster with what the files turned out to hold, and stop when too many had to be set aside."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from blemore.datasets.withdrawn import REASON as WITHDRAWN
from blemore.tables import CLIPS_COLUMNS, remarks_of, usable, write_csv
from joblineage.errors import DataError, refuse
from joblineage.files import write_json

WHOLE_NUMBERS = ("width", "height", "rotation", "audio_rate", "audio_channels", "bytes", "faces")


def gather(roster: pd.DataFrame, probes: Sequence[Path], max_bad_share: float) -> pd.DataFrame:
    """The clips table: roster and probes joined, one row per clip.

    Parameters
    ----------
    roster : `tables.ROSTER_COLUMNS`; clips without a file were withdrawn and are not probed.
    probes : the probe file of every shard.
    max_bad_share : 0..1; one quarantined clip is always allowed, more only up to this share of all clips; withdrawn ones
        are set aside without being counted.

    Returns
    -------
    `tables.CLIPS_COLUMNS`, sorted by clip; quarantined clips are in it, `tables.usable` leaves them out.

    Raises
    ------
    DataError : clips without a probe, probed twice or unknown to the roster; too many quarantined clips; equal bytes under
        two names, of which one would be judged by a model that was trained on the other.
    """
    probe = pd.concat([pd.read_parquet(path) for path in probes], ignore_index=True)
    doubled = probe.loc[probe["clip"].duplicated(), "clip"]
    faults = [f"clip {name}: probed more than once; remove results of another number of shards" for name in doubled]
    withdrawn = roster["file"].isna()
    known, probed = set(roster.loc[~withdrawn, "clip"]), set(probe["clip"])
    faults += [f"clip {name}: in the roster, but in no shard; prepare it again" for name in sorted(known - probed)]
    faults += [f"clip {name}: in a shard, but not in the roster" for name in sorted(probed - known)]
    refuse("prepared clips", faults)
    clips = roster.merge(probe, how="left", on="clip", validate="one_to_one").sort_values("clip", ignore_index=True)
    clips["quarantine"] = clips["quarantine"].fillna(WITHDRAWN)
    clips["remarks"] = clips["remarks"].astype(object).fillna("")
    clips = clips.astype({name: "Int64" for name in WHOLE_NUMBERS})
    bad = clips[~clips["quarantine"].isin(["", WITHDRAWN])]
    allowed = max(1, int(max_bad_share * len(clips)))
    if len(bad) > allowed:
        what = f"raw clips ({len(bad)} of {len(clips)} cannot be used, at most {allowed} may; fetch them again)"
        raise DataError(what, [f"{row.file}: {row.quarantine}" for row in bad.itertuples()])
    kept = usable(clips)
    copies = kept[kept["sha256"].duplicated(keep=False)].groupby("sha256", sort=False)["file"]
    advice = "leave one in the data, also in its tables"
    refuse("raw clips", [f"{' and '.join(files)} have the same bytes: {advice}" for _, files in copies])
    return clips[list(CLIPS_COLUMNS)]


def write_quarantine(clips: pd.DataFrame, path: Path) -> None:
    """Write the quarantined clips of a clips table as CSV (clip, file, reason in `quarantine`), for people."""
    write_csv(clips.loc[clips["quarantine"] != "", ["clip", "file", "quarantine"]], path)


def write_remarks(clips: pd.DataFrame, path: Path) -> None:
    """Write what was decided about clips that are not plain, as JSON.

    clips : number of usable clips; face_share : 0..1, mean of the shares of their face samples that show the face, null
    without any clip; face_always : number of clips whose samples all show it; remarked : of every clip with a remark, usable
    or not, clip, face_share (null: not looked for), remarks.
    """
    kept = usable(clips)
    shares = kept["face_share"]
    rows = clips[["clip", "face_share", "remarks"]].astype(object).replace({float("nan"): None}).to_dict("records")
    remarked = [row | {"remarks": remarks_of(row)} for row in rows if remarks_of(row)]
    counts = {"clips": len(kept), "face_share": float(shares.mean()) if len(kept) else None}
    write_json(path, counts | {"face_always": int((shares == 1).sum()), "remarked": remarked})
