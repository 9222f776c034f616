"""Planted leaks: the code or the data of a study is changed for real, and `leaks` finds each from what was declared."""

import json
import os
import shutil
from pathlib import Path

import av
import pandas as pd
import pytest
from leak_study import CLIPS, FOLDS, Study, fold_table, mutate, table_of, without_training
from media_samples import OPTIONS, outputs, tone, write_clip
from typer.testing import CliRunner

from blemore import cli
from blemore.audit.leaks.audit import Audit, check
from blemore.audit.leaks.content import copies, same_media
from blemore.audit.leaks.matrix import Matrix
from blemore.audit.leaks.models import ClipsTable
from blemore.decide import chains, run
from blemore.fusion.nested import _candidate, fit_all
from blemore.fusion.run import choose, fuse
from blemore.learning.folds import check_persons, gather_folds
from blemore.learning.heads import inner, linear
from blemore.learning.heads.run import fit_heads
from blemore.learning.training.loop import train_fold
from blemore.media.prepare import prepare_shard
from joblineage import declare
from joblineage.errors import DataError
from joblineage.graph import Graph
from joblineage.store import Store
from joblineage.verdict import Verdict


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """A study without a leak, of which every test gets a copy."""
    folder = tmp_path_factory.mktemp("clean")
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        os.chdir(folder)
        patch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
        without_training(patch)
        Study().run()
        os.chdir(before)
    return folder


@pytest.fixture
def study(clean, tmp_path, monkeypatch) -> Study:
    """A copy to plant leaks in; jobs run in it."""
    folder = tmp_path / "study"
    shutil.copytree(clean, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    without_training(monkeypatch)
    return Study()


def found(artifact: str | None = None) -> Audit:
    return check(Graph(Store()), artifact)


def assert_message(node: str, *words: str) -> None:
    """One of the findings is about this node and says all of these words."""
    findings = found().findings
    said = [(one.node, one.what) for one in findings]
    assert all(one.verdict is Verdict.LEAK for one in findings)
    assert any(name == node and all(word in what for word in words) for name, what in said), said


def words(matrix: Matrix, step: str, place: str) -> dict[str, str]:
    """{person: word} of a column."""
    found = next(one for one in matrix.columns if (one.step, one.place) == (step, place))
    return dict(zip(matrix.persons, found.cells, strict=True))


def test_a_clean_study_has_no_leak_and_its_unknowns_are_named(study):
    audit = found()
    assert audit.findings == []
    assert audit.checked["models"] > 50
    assert audit.checked["rows"] > 500
    assert audit.unknown == ["face crops: whom the face detector mtcnn had seen before the study"]
    assert any("second order" in note for note in audit.notes)
    assert any("sidecar of given" in note for note in audit.notes)


def test_each_person_is_judged_by_the_model_of_its_fold_alone(study):
    matrix = found().matrix
    for step in ("net", "voice", "given", "fusion", "calibration", "score"):
        for number in range(FOLDS):
            column = words(matrix, step, f"fold{number}")
            judged = {person for person, word in column.items() if word == "judged"} - {"test clips"}
            assert judged == set(study.clips.loc[study.clips["fold"] == number, "person"]), step
            assert {person for person, word in column.items() if word == "fitted"} == set(study.persons[str(number)])


# Leaks in the data


def test_a_person_in_two_folds_is_found(study):
    study.clips.loc[study.clips["clip"] == "A900_3", "fold"] = 1
    study.tables()
    study.head()
    assert_message("A900", "is in folds 0, 1")
    assert_message("voice/fold0", "fitted on A900, whom it judges")


def test_the_same_bytes_under_another_name_in_another_fold_are_found(study):
    study.clips.loc[study.clips["clip"] == "A901_2", "sha256"] = f"{0:064x}"  # as A900_0 has it
    study.tables()
    assert_message("A900_0", "the same bytes as A901_2 in fold 1")


def test_a_clip_that_was_muxed_anew_is_found_by_its_sound_and_pictures(study):
    study.sound["A901_2"], study.pictures["A902_5"] = study.sound["A900_0"], study.pictures["A900_1"]
    study.prepare()
    assert_message("A900_0", "the same decoded audio as A901_2")
    assert_message("A900_1", "the same decoded faces as A902_5")


def test_real_files_that_differ_in_their_wrapping_alone_are_found(tmp_path):
    one, other = write_clip(tmp_path / "one.mov", seconds=0.4, wave=tone(0.4, 48000)), tmp_path / "other.mov"
    with av.open(str(one)) as source, av.open(str(other), "w") as target:
        target.metadata["title"] = "another"
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert one.read_bytes() != other.read_bytes()
    files = outputs(tmp_path / "out")
    prepare_shard({"one": one, "other": other}, OPTIONS, **files)
    probes = pd.read_parquet(files["probe"]).assign(split="train", fold=[0, 1], person=["A900", "A901"])
    alike, _ = same_media([(kind, files[kind]) for kind in ("audio", "faces")])
    (found,) = copies(ClipsTable.of(probes.to_dict("records")), alike)
    assert found.what == "the same decoded audio and the same decoded faces as other in fold 1; it is in fold 0"


def test_a_training_clip_among_the_test_clips_is_found(study):
    study.sound["test_0002"] = study.sound["A903_1"]
    study.prepare()
    assert_message("A903_1", "the same decoded audio as test_0002 in the test split")


def test_without_the_media_or_with_another_clips_table_something_is_unknown(study):
    Path("audio.parquet").unlink()
    study.clips.iloc[::-1].to_parquet(CLIPS)
    unknown = " ".join(found().unknown)
    assert "audio.parquet: not read" in unknown
    assert f"{CLIPS} is not what its job wrote" in unknown
    Path(CLIPS).unlink()
    with pytest.raises(DataError, match="it is unknown who shows which clip"):
        found()


def test_two_takes_of_one_fold_may_be_the_same_clip(study):
    study.sound["A900_1"] = study.sound["A900_0"]
    study.prepare()
    assert found().findings == []


# Leaks in the encoders


def test_a_head_that_was_fitted_on_the_judged_fold_is_found(study, monkeypatch):
    mutate(monkeypatch, fit_heads, ("train & (rows.fold != held_out)", "train"))
    study.head()
    assert_message("voice/fold1", "fitted on A901, A904, whom it judges (head")


def test_a_scaler_that_was_fitted_on_all_clips_is_found(study, monkeypatch):
    mutate(
        monkeypatch,
        fit_heads,
        ("    return {", "    from blemore.learning.heads.inner import scaler_for\n    return {"),
        ("held_out: fit(", "held_out: scaler_for(rows, ModelName.of(settings['name'], held_out)) and fit("),
    )
    study.head()
    assert_message("voice/fold0", "fitted on A900, A903, whom it judges (scaler")
    assert_message("voice/fold0", "fitted on test clips (scaler)")


def test_a_strength_that_was_chosen_on_the_judged_fold_is_found(study, monkeypatch):
    model = "ModelName.of(settings['name'], held_out)"
    mutate(
        monkeypatch,
        fit_heads,
        (
            "    return {",
            "    from blemore.learning.heads import linear, logistic\n    everything = logistic.Clips(x[train])\n    return {",
        ),
        ("held_out: fit(", f"held_out: linear.choose_strength(everything, rows.where(train), {model}) and fit("),
    )
    monkeypatch.setattr(linear, "STRENGTHS", linear.STRENGTHS)
    study.head()
    assert_message("voice/fold2", "fitted on A902, A905, whom it judges (selection")


@pytest.mark.thorough
def test_inner_folds_that_share_persons_are_found(study, monkeypatch):
    mutate(
        monkeypatch,
        inner.inner_parts,
        (
            "[(np.flatnonzero(~judged), np.flatnonzero(judged)) for judged in apart]",
            "[(np.arange(0, len(rows), 2), np.arange(1, len(rows), 2))]",
        ),
    )
    study.head()
    assert_message("voice/fold0/inner0", "whom it judges (inner")


def test_early_stopping_on_the_outer_fold_is_found(study, monkeypatch):
    held = '((clips["split"] == "train") & (clips["fold"] == fold)).to_numpy()'
    names = f'clips.loc[{held}, "clip"].to_numpy()'
    labels = f"torch.tensor(soft_labels(clips[{held}]), dtype=torch.float32)"
    outer = f"Examples(media.where({held}), {labels}, {names})"
    mutate(monkeypatch, train_fold, ('"inner": examples.where(inner)', f'"inner": {outer}'))
    study.train(1)
    assert_message("net/fold1", "fitted on A901, A904, whom it judges (early stopping")
    assert not [one for one in found().findings if "fold0" in one.node or "fold2" in one.node]


def test_a_training_that_takes_the_test_clips_for_another_fold_is_found(study, monkeypatch):
    study.clips[["emotion_1", "emotion_1_salience"]] = study.clips[["emotion_1", "emotion_1_salience"]].fillna(
        {"emotion_1": "ang", "emotion_1_salience": 100.0}
    )  # pseudo-labels
    mutate(
        monkeypatch,
        train_fold,
        ('(clips["split"] == "train") & (clips["fold"] != fold)', 'clips["fold"] != fold'),
        ("if recipe.early_stopping:", "if False:"),
    )
    study.train(0)
    assert_message("net/fold0", "fitted on test clips (network): test_000")


def test_a_row_of_a_model_that_was_trained_on_the_fold_is_found(study):
    one, other = (pd.read_parquet(fold_table(number)) for number in (0, 1))
    moved = one["clip"] == "A900_0"
    one[~moved].to_parquet(fold_table(0))
    pd.concat([other, one[moved]]).to_parquet(fold_table(1))
    study.gather()
    assert_message("net/fold1", "fitted on A900, whom it judges", "clips A900_0)")


def test_a_fold_table_of_which_nobody_declares_the_model_is_found(study):
    path = fold_table(2)
    study.job("train_fold", lambda: None, {"clips": CLIPS}, {"probabilities": path}, finetuned="net", fold="2")
    study.gather()
    assert_message("net/fold2", "nobody declares whom it was fitted on")
    assert_message(path, "rows that no declared model judged")
    assert_message(table_of("net"), "rows that no declared model judged: A902_0")


def test_a_table_that_was_exchanged_after_its_job_is_found(study):
    table = pd.read_parquet(table_of("voice"))
    table.iloc[::-1].to_parquet(table_of("voice"))
    assert_message(table_of("voice"), "not what its job wrote")


def test_an_outside_table_whose_sidecar_names_a_judged_person_is_found(study, monkeypatch):
    study.persons["1"].append("A904")
    with pytest.raises(DataError, match="A904, whom it judges"):
        study.outside()
    mutate(monkeypatch, check_persons, ("    refuse(sidecar, faults)\n", ""))
    study.outside()
    assert_message("given/fold1", "fitted on A904, whom it judges (outside")


def test_an_outside_table_without_a_sidecar_is_unknown_and_never_ok(study):
    study.outside(sidecar=False)
    audit = found()
    assert audit.findings == []
    assert "given: whom its models from outside were trained on; no sidecar says it" in audit.unknown
    assert set(words(audit.matrix, "given", "fold0").values()) == {"unknown"}


@pytest.mark.thorough
def test_what_a_pretrained_network_had_seen_is_unknown_and_never_ok(study):
    study.net = study.net | {"checkpoint": "somebody/faces"}
    study.train(0)
    assert "net: whom somebody/faces had seen before the study" in found().unknown
    said = {one.step: one.pretraining for one in found().matrix.columns}
    assert (said["net"], said["voice"]) == ("somebody/faces", None)


# Leaks in fusion and calibration


def test_fusion_weights_that_were_fitted_on_the_judged_fold_are_found(study, monkeypatch):
    mutate(monkeypatch, fit_all, ("inside = ~np.isin(data.fold, without)", "inside = np.ones(len(data), bool)"))
    study.fuse()
    assert_message("fusion/fold0/simplex", "fitted on A900, A903, whom it judges (weights")


def test_a_method_that_was_chosen_on_the_judged_fold_is_found(study, monkeypatch):
    mutate(monkeypatch, choose, ('.outside(outer, model, "choice")', '.outside(-1, model, "choice")'))
    study.fuse()
    assert_message("fusion/fold0/choice", "fitted on A900, A903, whom it judges (choice")


def test_a_recalibration_that_was_fitted_on_the_judged_fold_is_found(study, monkeypatch):
    mutate(monkeypatch, _candidate, ("_scale(fused, others,", "_scale(fused, data.fold > -1,"))
    study.fuse()
    assert_message("fusion/fold1/uniform recalibrated", "fitted on A901, A904, whom it judges (scaling")


def test_reported_rows_out_of_the_view_that_saw_every_fold_are_found(study, monkeypatch):
    mutate(monkeypatch, fuse, ("held_out(outer, outer)", "held_out(FINAL, outer)"))
    study.fuse()
    assert_message("fusion/final/uniform recalibrated", "whom it judges (scaling")


def test_a_decoder_that_was_fitted_on_the_judged_fold_is_found(study, monkeypatch):
    mutate(monkeypatch, chains.inductive, ('outside(outer, model, "decoder")', 'outside(-1, model, "decoder")'))
    study.decide()
    assert_message("calibration/fold2/inductive", "fitted on A902, A905, whom it judges (decoder")


def test_a_personal_model_that_was_fitted_on_the_judged_persons_is_found(study, monkeypatch):
    mutate(
        monkeypatch,
        chains.transductive,
        ('outside(outer, model, "personal model")', 'outside(-1, model, "personal model")'),
    )
    study.decide()
    assert_message("calibration/fold0/transductive", "fitted on A900, A903, whom it judges (personal model")


def test_a_final_decoder_that_decides_training_clips_is_found(study, monkeypatch):
    mutate(
        monkeypatch,
        chains.inductive,
        ("view.inside(outer, model)", "view.inside(outer, ModelName.of('calibration', -1, INDUCTIVE))"),
    )
    study.decide()
    assert_message("calibration/final/inductive", "whom it judges (decoder")
    assert_message(
        "results/calibration/decisions.parquet",
        "inductive: rows whose judges were all fitted on clips of the same fold",
    )


def test_decisions_of_a_calibration_that_declares_nothing_are_found(study, monkeypatch):
    real = chains.transductive

    def silent(*arguments):
        heard, declare._said = declare._said, None
        try:
            return real(*arguments)
        finally:
            declare._said = heard

    monkeypatch.setattr(run, "transductive", silent)
    study.decide()
    assert_message("results/calibration/decisions.parquet", "transductive: rows that no declared model judged: A900_0")


# The command, and what is said outside of a job


def test_the_command_ends_with_15_where_a_leak_was_found_and_with_0_where_none_was(study, monkeypatch):
    clean = CliRunner().invoke(cli.app, ["lineage", "leaks"])
    assert clean.exit_code == 0
    assert "No leak" in clean.output
    assert "A900" in clean.output
    mutate(monkeypatch, fit_heads, ("train & (rows.fold != held_out)", "train"))
    study.head()
    leaky = CliRunner().invoke(cli.app, ["lineage", "leaks", "--json"])
    assert leaky.exit_code == Verdict.LEAK.code
    said = json.loads(leaky.output)
    assert {one["node"] for one in said["findings"]} >= {"voice/fold0", "voice/fold1", "voice/fold2"}
    assert next(one for one in said["findings"] if one["node"] == "voice/fold0")["follows"]


def test_only_the_chain_of_an_artifact_is_looked_at(study, monkeypatch):
    mutate(monkeypatch, fit_heads, ("train & (rows.fold != held_out)", "train"))
    study.head()
    assert found(table_of("net")).findings == []
    assert found("results/fusion/views.parquet").findings
    with pytest.raises(DataError, match="no recorded job made it"):
        found("results/nothing.parquet")


def test_nothing_is_kept_of_fits_outside_of_a_job(study):
    declare.forget()
    gather_folds([Path(fold_table(number)) for number in range(FOLDS)], study.clips)
    assert declare.take(lambda clips: "")["models"] == []
