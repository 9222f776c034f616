"""The columns of the prepared files."""

import pyarrow as pa

from blemore.media.detectors import LANDMARKS
from blemore.tables import PROBE_COLUMNS

BOX = (("x", pa.float32()), ("y", pa.float32()), ("width", pa.float32()), ("height", pa.float32()))
POINTS = tuple((f"{name}_{axis}", pa.float32()) for name in LANDMARKS for axis in ("x", "y"))
SAMPLE = (("clip", pa.string()), ("frame", pa.int32()), ("time", pa.float64()), *BOX)

FACES = pa.schema([*SAMPLE, ("detected", pa.bool_()), ("tracked", pa.bool_()), *POINTS, ("jpeg", pa.binary())])
"""One row per sample: box and landmarks in px of the shown picture (NaN landmarks: no face in this clip). A sample that is
neither detected nor tracked has the box, landmarks and picture of the nearest one that is."""

BODY = pa.schema([*SAMPLE, ("jpeg", pa.binary())])
"""One row per sample: a box that reaches beyond the picture shows black there."""

AUDIO = pa.schema([("clip", pa.string()), ("rate", pa.int32()), ("samples", pa.binary()), ("silent", pa.bool_())])
"""One row per clip: little-endian int16, mono, from the first to the end of the last video frame."""

PIECES = pa.schema([("clip", pa.string()), ("start", pa.float64()), ("reason", pa.string()), ("mp4", pa.binary())])
"""One row per clip."""

_WHOLE = ("width", "height", "rotation", "audio_rate", "audio_channels", "bytes", "faces")
_SHARES = ("fps", "duration", "good_pictures", "good_sound", "face_share")
_NUMBERS = dict.fromkeys(_WHOLE, pa.int64()) | dict.fromkeys(_SHARES, pa.float64())
PROBE = pa.schema([(name, _NUMBERS.get(name, pa.string())) for name in ("clip", *PROBE_COLUMNS)])
"""One row per clip, the quarantined ones too."""

KINDS = {"faces": FACES, "body": BODY, "audio": AUDIO, "pieces": PIECES, "probe": PROBE}
"""What can be prepared of a clip."""
