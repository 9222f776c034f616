"""What fits and uses say of themselves, and how it is kept."""

from collections.abc import Callable

import numpy as np

from joblineage import declare


def test_a_list_of_clips_is_kept_once_and_a_fit_that_is_said_twice_stands_once():
    declare.begin()
    for _ in range(2):
        declare.fitted("a/fold0", "head", np.array(["c2", "c1"]), ["c3"])
    declare.judged("b/fold0", ["c3"])
    kept: list[list[str]] = []
    keep: Callable[[list[str]], str] = lambda clips: (kept.append(clips), str(len(kept)))[1]  # noqa: E731
    models = declare.take(keep)["models"]
    declare.forget()
    assert [(one["model"], one["kind"]) for one in models] == [("a/fold0", "head"), ("b/fold0", declare.UNDECLARED)]
    assert kept == [["c1", "c2"], ["c3"], []]
