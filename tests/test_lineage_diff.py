"""The Score divided over causes, as `blemore lineage diff --attribute` tells it, on real tables that are fused in seconds."""

import json
from pathlib import Path

import pandas as pd
import pytest
import simulated
from made_records import Lineage, small_study

import blemore.scoring.metrics as metrics_module
from blemore.audit.attribution import split as attribution
from blemore.audit.attribution.divided import divide
from blemore.audit.attribution.split import Split
from blemore.cli import main
from blemore.decide.chains import inductive
from blemore.decide.run import rows_of_views
from blemore.fusion.run import fuse
from blemore.scoring.metrics import combine
from blemore.study import STUDY
from blemore.tables import write_clips, write_probabilities
from joblineage.capture import hashed
from joblineage.comparing import Comparison
from joblineage.errors import DataError
from joblineage.outcome import Outcome
from joblineage.run_view import find_run
from joblineage.store import Store

CLIPS = "results/clips/clips.parquet"
OPTIONS = {"method": "auto", "candidates": ["uniform", "greedy"], "scaling": False, "greedy": {"bags": 2, "members": 4}}


def outcome(root: Path, a: str = "previous", b: str = "last") -> Outcome:
    return Outcome(Comparison(find_run(a, Store(root, STUDY)), find_run(b, Store(root, STUDY))))


class Scored:
    """A lineage whose last jobs really fused, calibrated and scored tables of a simulated study."""

    def __init__(self, root: Path, encoders: int = 3, persons: int = 4):
        self.made = Lineage(root)
        self.size = {"persons": persons, "folds": persons // 2, "test": 4}
        self.clips, self.tables = simulated.study(**self.size, encoders=encoders, seed=3)
        self.options, self.seed, self.decoding = OPTIONS, 1, "expected"
        self.score: dict[str, float] | None = None
        self.code = ""

    def other(self, name: str, seed: int) -> None:
        """Other probabilities of one encoder: half of each clip's are another study's."""
        _, drawn = simulated.study(**self.size, encoders=2, seed=seed)
        classes = list(simulated.CLASSES)
        table = self.tables[name].copy()
        table[classes] = (table[classes] + drawn["e0"].set_index("clip").loc[table["clip"], classes].to_numpy()) / 2
        self.tables = self.tables | {name: table}

    def study(self) -> dict:
        return {
            "options": self.options,
            "seed": self.seed,
            "decoding": self.decoding,
            "families": dict.fromkeys(self.tables, "one"),
        }

    def scores(self, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
        """The accuracies that the study's own steps find for some tables."""
        fused = fuse(tables, self.clips, **self.study())
        here = rows_of_views(fused.views, self.clips)
        found = metrics_module.scores(inductive(here, self.decoding).saliences, here.truth)
        return {name: found[name] for name in ("acc_presence", "acc_salience")}

    def run(self) -> "Scored":
        """Write the tables and the records of a run that reads them."""
        made, root = self.made, self.made.root
        clips, paths = root / CLIPS, {name: f"results/encoders/{name}/probabilities.parquet" for name in self.tables}
        clips.parent.mkdir(parents=True, exist_ok=True)
        write_clips(self.clips, clips)
        made.job("clips", [], {}, outputs=[self.file("clips", CLIPS)])
        for name, path in paths.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            write_probabilities(self.tables[name], root / path)
            made.job(f"fit_head/frozen={name}", [CLIPS], {}, outputs=[self.file("file", path)])
        metrics = self.score or self.scores(self.tables)
        study = self.study()
        read = [self.file("clips", CLIPS), *(self.file("tables", path) for path in paths.values())]
        read = [{name: said for name, said in one.items() if name != "md5"} for one in read]  # which outputs alone have
        module = made.file("src/blemore/scoring/metrics.py", Path(metrics_module.__file__).read_text() + self.code)
        inputs = [*read, hashed("code", str(root / module)) | {"path": module}]
        made.job("fuse", [], {"results/views": str(study)}, inputs=inputs, params={"study": study})
        made.job("decide", ["results/views"], {"results/decisions": "d"}, params={"study": {}})
        made.job("score", ["results/decisions"], {"results/metrics.json": str(metrics)}, metrics=metrics)
        made.run()
        return self

    def file(self, role: str, path: str) -> dict:
        """A file as a record has it; its bytes are kept as DVC does."""
        said = hashed(role, str(self.made.root / path), md5=True) | {"path": path}
        place = self.cached(said["md5"])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((self.made.root / path).read_bytes())
        return said

    def cached(self, md5: str) -> Path:
        return self.made.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]

    def divided(self, seeds: int = 0) -> Split:
        return divide(outcome(self.made.root), seeds=seeds)


def whole(split: Split) -> float:
    return sum(one.share for one in split.shares) + split.rest


@pytest.fixture(scope="module")
def first_scores(tmp_path_factory) -> dict[str, float]:
    """What every first run comes to."""
    first = Scored(tmp_path_factory.mktemp("first"))
    return first.scores(first.tables)


@pytest.fixture
def scored(tmp_path, first_scores) -> Scored:
    made = Scored(tmp_path)
    made.score = first_scores
    made.run().score = None
    return made


@pytest.mark.thorough
def test_the_score_of_real_runs_is_divided_over_what_changed_without_a_rest(scored):
    scored.other("e0", seed=9)
    scored.options = OPTIONS | {"method": "greedy"}
    scored.seed, scored.decoding = 2, "exact"
    split = scored.run().divided()
    assert [one.factor for one in split.shares] == [
        "e0",
        "fusion options",
        "decoding",
        "seed of the fusion",
    ]
    assert split.replayed == (split.before, split.after)
    assert split.before != split.after
    assert whole(split) == pytest.approx(split.after - split.before, abs=1e-12)
    assert split.rest == 0
    shares = {one.factor: one for one in split.shares}
    assert shares["e0"].low <= shares["e0"].share <= shares["e0"].high
    assert shares["e0"].share > 0.05  # the mean of two independent encoders knows more than one
    assert shares["decoding"].behind == ["study.decoding of fuse: expected -> exact"]
    assert shares["fusion options"].behind == ["study.options.method of fuse: auto -> greedy"]
    assert shares["seed of the fusion"].behind == ["study.seed of fuse: 1 -> 2"]


@pytest.mark.thorough
def test_an_encoder_that_came_and_one_that_went_are_factors(scored):
    tables = Scored(scored.made.root, encoders=4).tables
    scored.tables = {"e0": scored.tables["e0"], "e2": scored.tables["e2"], "e3": tables["e3"]}
    split = scored.run().divided()
    assert [one.factor for one in split.shares] == ["e1", "e3"]
    assert whole(split) == pytest.approx(split.after - split.before, abs=1e-12)
    assert split.rest == 0


@pytest.mark.thorough
def test_other_folds_are_one_factor_with_the_probabilities_trained_in_them(scored):
    scored.clips["fold"] = scored.clips["fold"].replace({0: 1, 1: 0})
    scored.tables = {
        name: table.assign(fold=table["fold"].replace({0: 1, 1: 0})) for name, table in scored.tables.items()
    }
    split = scored.run().divided()
    assert [one.factor for one in split.shares] == ["folds, and the probabilities trained in them"]
    assert split.rest == 0


@pytest.mark.thorough
def test_clips_that_left_are_a_factor_of_their_own(scored):
    gone = scored.clips["clip"].iloc[:10]
    scored.clips.loc[:9, "quarantine"] = "broken"
    scored.tables = {name: table[~table["clip"].isin(gone)] for name, table in scored.tables.items()}
    split = scored.run().divided()
    assert {"clips table", "e0", "e1", "e2"} == {one.factor for one in split.shares}
    assert whole(split) == pytest.approx(split.after - split.before, abs=1e-12)
    assert split.rest == 0


@pytest.mark.thorough
def test_too_many_factors_are_told_apart_as_the_largest_and_the_others_together(tmp_path, monkeypatch):
    monkeypatch.setattr(attribution, "MOST", 3)
    scored = Scored(tmp_path, encoders=5, persons=4)
    scored.options = OPTIONS | {"method": "uniform"}
    before = scored.run().tables
    for number in range(5):
        scored.other(f"e{number}", seed=20 + number)
    divided = scored.run().divided()
    assert [one.factor for one in divided.shares][2:] == ["3 others together"]
    alone = {
        name: abs(combine(*scored.scores(before | {name: table}).values()) - divided.before)
        for name, table in scored.tables.items()
    }
    assert sorted(divided.merged) == sorted(sorted(alone, key=lambda name: alone[name])[:3])
    assert whole(divided) == pytest.approx(divided.after - divided.before, abs=1e-12)
    assert "the others are the smallest alone: " in "\n".join(divided.lines())


def change_e0(scored: Scored) -> Path:
    """Run again with other probabilities of e0 and another method; where DVC keeps e0's old probabilities."""
    old = hashed("", str(scored.made.root / "results/encoders/e0/probabilities.parquet"), md5=True)
    scored.other("e0", seed=9)
    scored.options = OPTIONS | {"method": "greedy"}
    scored.run()
    return scored.cached(old["md5"])


@pytest.mark.thorough
def test_old_probabilities_come_from_dvc_s_cache_and_only_with_the_right_hash(scored):
    kept = change_e0(scored)
    assert scored.divided().unstored == []
    assert scored.divided().rest == 0
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0")
    assert len(scored.divided().unstored) == 1


@pytest.mark.thorough
def test_what_is_not_stored_needs_retraining_and_the_rest_of_the_change_is_its(scored):
    change_e0(scored).unlink()
    divided = scored.divided()
    assert [one.factor for one in divided.shares] == ["fusion options"]
    assert divided.rest != 0
    assert whole(divided) == pytest.approx(divided.after - divided.before, abs=1e-12)
    assert divided.unstored[0].startswith("e0 of A needs retraining: results/encoders/e0/probabilities.parquet ")
    assert divided.unstored[0].endswith("is not stored here (fit_head/frozen=e0)")
    (scored.made.root / ".dvc/config").write_text("['remote \"private\"']\n    url = /somewhere\n")
    assert "needs dvc fetch, or retraining" in scored.divided().unstored[0]


@pytest.mark.thorough
def test_other_code_is_not_replayed_but_named_where_the_recorded_scores_do_not_come_out(scored):
    scored.code = "# another\n"
    assert "the recorded Scores came out all the same" in "\n".join(scored.run().divided().lines())
    scored.score, scored.code = {"acc_presence": 0.25, "acc_salience": 0.25}, "# a third\n"
    divided = scored.run().divided()
    assert divided.shares == []
    assert divided.rest == pytest.approx(0.25 - divided.before)
    assert (
        "needs the other code: B was made with another src/blemore/scoring/metrics.py than the one here"
        in divided.reasons()
    )


@pytest.mark.thorough
def test_the_noise_of_seeds_is_measured_by_replays(scored):
    scored.options = OPTIONS | {"method": "greedy", "greedy": {"bags": 1, "members": 1}}
    noise = scored.run().divided(seeds=2).noise
    assert noise.methods == ["greedy"]
    assert noise.seeds == 2
    assert noise.width > 0


@pytest.mark.thorough
def test_the_command_tells_the_cause_first_then_the_scores_and_the_shares(scored, capsys):
    scored.options = OPTIONS | {"method": "uniform"}
    scored.run()
    folder = ["--workspace", str(scored.made.root)]
    with pytest.raises(SystemExit) as end:
        main(["lineage", "diff", "previous", "last", "--attribute", "--seeds", "0", *folder])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("study.options.method of fuse: auto -> uniform; 1 job")
    assert text.index("acc_presence") < text.index("fuse  ") < text.index("divided over what changed")
    with pytest.raises(SystemExit):
        main(["lineage", "diff", "previous", "last", "--attribute", "--seeds", "0", "--json", *folder])
    first = capsys.readouterr().out
    said = json.loads(first)
    assert said["headline"]["score"]["change"] == sum(one["share"] for one in said["attribution"]["shares"])
    assert said["causes"][0]["said"] == "study.options.method of fuse: auto -> uniform"
    with pytest.raises(SystemExit):
        main(["lineage", "diff", "previous", "last", "--attribute", "--seeds", "0", "--json", *folder])
    assert capsys.readouterr().out == first


def test_a_run_that_did_not_come_to_a_score_cannot_be_divided_and_says_what_is_missing(tmp_path):
    small_study(tmp_path)
    with pytest.raises(DataError, match="no record of decide"):
        divide(outcome(tmp_path, "last", "last"), seeds=0)
