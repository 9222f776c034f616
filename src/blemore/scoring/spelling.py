"""How people spell what we call by one name: the columns of a table, the emotions, the file of a clip."""

import re

CLIP = ("clip", "filename", "file", "video", "file_name", "clip_name", "video_name", "clip_id", "path")
"""Headers of the column of clips; where several are there, the first of these is it."""

NAMELESS = ("", "unnamed:_0", "index", "__index_level_0__")
"""Headers of the index that pandas and R write beside the columns."""

EMOTIONS = {
    "ang": ("anger", "angry"),
    "disg": ("dis", "disgust", "disgusted"),
    "fea": ("fear", "fearful"),
    "hap": ("happy", "happiness"),
    "sad": ("sadness",),
    "neu": ("neut", "neutral"),
}
"""Other spellings of the classes."""

LABELS = ("emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience", "mix")
OURS = {name: name for name in ("person", "split", "fold", *LABELS, *EMOTIONS)}
OURS |= {other: name for name, others in EMOTIONS.items() for other in others}

VIDEO = r"\.(mov|mp4|m4v|avi|mkv|webm|mpe?g|wmv|wav)$"


def plain(header: str) -> str:
    """A header in small letters, with "_" for what parts its words: "Emotion 1" is emotion_1.

    Parameters
    ----------
    header : str
        The header as it is written.

    Returns
    -------
    str
        The plain form.
    """
    return re.sub(r"[\s.-]+", "_", header.strip("# \t\n\r\xa0").casefold())


def column(header: str) -> str:
    """Our name of a column, whatever its case and with "p_" or "prob_" around it.

    Parameters
    ----------
    header : str
        The header as it is written.

    Returns
    -------
    str
        Our name; a header that we do not know stays.
    """
    name = plain(header)
    bare = re.sub(r"^(p|prob|probability)_|_(p|prob|probability)$", "", name)
    return OURS.get(name) or OURS.get(bare) or header.strip()


def emotion(text: str) -> str:
    """Our name of an emotion: "Anger" is ang.

    Parameters
    ----------
    text : str
        The emotion as it is written.

    Returns
    -------
    str
        Our name; a word that we do not know stays.
    """
    name = plain(text)
    return OURS[name] if OURS.get(name) in EMOTIONS else text.strip()


def clip(text: str) -> str:
    """A clip's name without folder, whichever slash parts it, and without the ending of a video or sound file.

    Parameters
    ----------
    text : str
        Name or path of the file.

    Returns
    -------
    str
        The clip's name.
    """
    return re.sub(VIDEO, "", re.split(r"[/\\]", text.strip())[-1], flags=re.IGNORECASE)
