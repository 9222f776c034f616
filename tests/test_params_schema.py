"""A wrong params.yaml is refused at the door, and the message says what the key means."""

import copy
import datetime
import inspect
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from blemore.params import parts
from blemore.params.check import check_config, check_params, read_schema
from blemore.params.families import family
from blemore.params.schema import part
from joblineage.errors import DataError

REPOSITORY = Path(__file__).parents[1]
SCHEMA = read_schema(REPOSITORY / "schemas/params.schema.yaml")
PARAMS = yaml.safe_load((REPOSITORY / "params.yaml").read_text())

REMOVED = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The project's parameters with one key set, or removed."""
    values = copy.deepcopy(PARAMS)
    *blocks, last = path.split(".")
    block = values
    for key in blocks:
        block = block[key]
    if value is REMOVED:
        del block[last]
    else:
        block[last] = value
    return values


def faults_of(values: Mapping[str, Any]) -> list[str]:
    with pytest.raises(DataError) as caught:
        check_params(values, SCHEMA)
    return caught.value.faults


def test_the_schema_is_a_valid_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_projects_own_parameters_are_right_at_both_scales_and_for_both_data_sets():
    check_params(PARAMS, SCHEMA)
    check_params(PARAMS | {"dataset": "blemore", "weights": "pretrained"}, SCHEMA)
    check_params(changed("blemore.folds_csv", "my/folds.csv"), SCHEMA)


def test_a_doubled_key_ends_the_start_of_the_workflow_with_its_line(tmp_path, monkeypatch):
    """Snakemake itself lets the last one win."""
    monkeypatch.chdir(REPOSITORY)
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text() + "\nseed: 18\n")
    with pytest.raises(DataError, match=r"params.yaml: 1 fault\(s\)\n.*the key 'seed' stands twice, first in line 3"):
        check_config(PARAMS, [REPOSITORY / "params.yaml", tmp_path / "params.yaml"])
    assert "check_config(config, workflow.configfiles)" in (REPOSITORY / "rules/common.smk").read_text()


def blocks(node: Mapping[str, Any], keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every key of the schema with its part; "s4d" stands for any encoder."""
    children = dict(node["properties"]) if "properties" in node else {}
    if isinstance(node.get("additionalProperties"), Mapping):
        children["s4d"] = node["additionalProperties"]
    for name in children:
        child = part(SCHEMA, (*keys, name))
        yield (*keys, name), child
        yield from blocks(child, (*keys, name))


def test_every_key_says_what_it_means_and_none_has_a_default():
    found = dict(blocks(SCHEMA))
    assert len(found) > 50
    for keys, node in found.items():
        assert len(node["description"]) > 8, keys
        assert "default" not in node, keys
        assert {"type", "enum"} & set(node), keys
        assert not [key for key, value in node.items() if value is None], (keys, "a comma split the description")


def numbers(node: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every part of the schema that allows a number, wherever it stands."""
    if isinstance(node, Mapping):
        kinds = node.get("type", ())
        if {"integer", "number"} & {*([kinds] if isinstance(kinds, str) else kinds)}:
            yield keys, node
        for key, inner in node.items():
            yield from numbers(inner, (*keys, str(key)))


def test_every_number_has_an_upper_bound():
    found = dict(numbers(SCHEMA))
    assert len(found) > 40
    assert not [keys for keys, node in found.items() if not {"maximum", "exclusiveMaximum"} & set(node)]
    for kind in (parts.FUSION_METHOD, parts.HEAD, parts.DATA_SET, parts.ENCODER_FAMILY):
        for name in kind.names():
            assert all("maximum" in node for _, node in numbers(kind.numbers(name))), name


def test_a_path_that_leads_out_by_a_link_is_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "secret.csv").write_text("clip\n")
    (tmp_path / "outside/theirs.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "outside/ours.csv").symlink_to(tmp_path / "outside/copy.csv")
    entry = {"enabled": True, "module": "precomputed", "learning": "given", "persons": None}
    values = changed("encoders.theirs", entry | {"file": "outside/ours.csv"})
    check_params(values, SCHEMA, str(tmp_path / "params.yaml"))
    values["encoders"]["theirs"]["file"] = "outside/theirs.csv"
    with pytest.raises(
        DataError, match=r"encoders.theirs.file: found 'outside/theirs.csv', expected text that is a path"
    ):
        check_params(values, SCHEMA, str(tmp_path / "params.yaml"))


def test_every_block_refuses_unknown_keys():
    for keys, node in [((), SCHEMA), *blocks(SCHEMA)]:
        # A fusion method that somebody adds brings a block of its own; one that is not used is refused all the same.
        if "properties" in node and keys != ("fusion",):
            assert node["additionalProperties"] is False, keys


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("encoders.s4d.tiny.epoch", 3, ["encoders.s4d.tiny.epoch:", "unknown key", "'epochs'", "passes over"]),
        ("encoders.s4d.moduel", "vitmoe", ["encoders.s4d.moduel:", "'module'", "its family"]),
        ("wieghts", "tiny", ["wieghts:", "'weights'", "scale of every network"]),
        ("media.samples.audio.zzz", 1, ["media.samples.audio.zzz:", "known here: rate", "the sound"]),
        ("seed", "17", ["seed:", "found '17'", "a whole number from 0", "random choice"]),
        ("seed", True, ["seed:", "found True"]),
        ("demo.folds", 5.0, ["demo.folds:", "found 5.0", "a whole number from 2"]),
        ("encoders.s4d.tiny.learning_rate", "1e-3", ["learning_rate:", "write 0.001", "step size"]),
        ("encoders.s4d.tiny.learning_rate", float("nan"), ["learning_rate:", "found nan", "above 0 to 1"]),
        ("encoders.s4d.tiny.epochs", 10**9, ["tiny.epochs:", "found 1000000000", "from 1 to 1000", "passes over"]),
        ("media.shards", 10**9, ["media.shards:", "found 1000000000", "from 1 to 1000"]),
        ("encoders.s4d.tiny.learning_rate", "1e400", ["learning_rate:", "found '1e400'", "above 0 to 1"]),
        ("fusion.simplex.l2", float("inf"), ["fusion.simplex.l2:", "found inf", "from 0 to 1000"]),
        (
            "encoders.prosody.file",
            "outside/../../x.csv",
            ["prosody.file:", "expected text that is a path within outside/"],
        ),
        ("encoders.prosody.file", "/etc/passwd", ["prosody.file:", "expected text that is a path within outside/"]),
        ("encoders.prosody.file", "outside", ["prosody.file:", "expected text that is a path within outside/"]),
        ("encoders.prosody.persons", "results/../outside/x.json", ["prosody.persons:", "path within outside/"]),
        (
            "encoders.s4d.pretrained.checkpoint",
            "../x.pt",
            ["checkpoint:", "path within the study", "weights come from"],
        ),
        ("encoders.clip.pretrained.revision", "../../../etc", ["revision:", "path within the study"]),
        ("blemore.folds_csv", "../folds.csv", ["folds_csv:", "path within the study", "null keeps those"]),
        ("report.publication_list", "/tmp/list.csv", ["publication_list:", "path within the study"]),
        ("report.title", "", ["report.title: found ''", "cited"]),
        ("report.authors", "Doe, Jo", ["report.authors: found 'Doe, Jo', expected a list", "in their order"]),
        ("report.authors", ["Doe, Jo", "{x}"], ["report.authors[1]: found '{x}'", "'Family, Given'"]),
        ("report.authors", ["Doe, Jo", "Doe, Jo"], ["report.authors:", "each different"]),
        ("report.date", "today", ["report.date: found 'today', expected", "a date", "in quotes"]),
        ("report.date", datetime.date(2026, 11, 23), ["report.date:", "text that is a date", "in quotes"]),
        ("encoders.s4d.tiny.epochs", 0, ["encoders.s4d.tiny.epochs:", "found 0", "from 1 to 1000"]),
        ("encoders.s4d.media", "smell", ["encoders.s4d.media:", "faces, body, audio, pieces", "looks at"]),
        ("demo.size", 65, ["demo.size:", "found 65", "in steps of 2", "px"]),
        ("demo.intensities", [1, 1], ["demo.intensities:", "each different", "intensities at which"]),
        ("demo.intensities", [1, 5], ["demo.intensities[1]:", "found 5", "from 1 to 4"]),
        ("demo.ratios", 0, ["demo.ratios:", "found 0", "from 1 to 3", "pair of emotions"]),
        (
            "demo.unusual",
            {"A904": "odd"},
            ["demo.unusual.A904:", "found 'odd'", "no_blends, blends_only, three_emotions"],
        ),
        (
            "demo.unusual",
            {"A940": "no_blends"},
            ["demo.unusual:", "found A940", "from A901 to A919", "another schedule"],
        ),
        ("demo.seconds", [2.0], ["demo.seconds:", "of 2 value(s)", "shortest and longest"]),
        ("demo", None, ["demo:", "nothing (null)", "a block of keys"]),
        ("demo.neutral", REMOVED, ["demo.neutral:", "missing", "neutral clips"]),
        ("blemore", REMOVED, ["blemore:", "missing", "challenge"]),
        ("encoders.s4d.pretrained.checkpoint", REMOVED, ["checkpoint:", "missing", "weights come from"]),
        ("encoders.s4d.tiny.batch", REMOVED, ["encoders.s4d.tiny.batch:", "missing", "clips per training step"]),
        ("fusion.simplex.l2", REMOVED, ["fusion.simplex.l2:", "missing", "equal weights"]),
        ("encoders", {}, ["encoders:", "at least 1"]),
        ("encoders.S4D", PARAMS["encoders"]["s4d"], ["encoders.S4D:", "not a name"]),
        ("demo.train_actors", 2, ["demo.train_actors:", "found 2", "at least demo.folds", "actors"]),
        ("demo.test_actors", 95, ["demo.test_actors:", "at most 99"]),
        ("demo.seconds", [2.5, 1.9], ["demo.seconds:", "shorter one first"]),
        ("dataset", "ravdess", ["dataset:", "'ravdess'", "no data set", "blemore, cremad, demo"]),
        ("encoders.wav2vec2_prosody.tiny.epochs", 3, ["wav2vec2_prosody.tiny.epochs:", "not trained", "passes over"]),
        ("encoders.wav2vec2_prosody.tiny.layers", REMOVED, ["wav2vec2_prosody.tiny.layers:", "missing", "averaged"]),
        ("encoders.s4d.tiny.layers", [1, 2], ["s4d.tiny.layers:", "frozen encoders only"]),
        ("encoders.wav2vec2_prosody.tiny.layers", [4, 2], ["tiny.layers:", "lower layer first"]),
        ("fusion.simplex", REMOVED, ["fusion.simplex: missing", "l2"]),
        ("fusion.simplx", {"l2": 1.0}, ["fusion.simplx:", "not used", "simplex"]),
        ("fusion.simplex.l2", -1, ["fusion.simplex.l2:", "found -1", "pull"]),
        ("calibration.controls", 1, ["calibration.controls:", "found 1", "from 2"]),
        ("individuals.approved", {"by": "me", "date": "2026-01-02"}, ["individuals.approved.basis: missing"]),
        ("encoders.prosody.features", "compare", ["prosody.features:", "one of functionals, egemaps", "research"]),
        ("encoders.clip.features", "egemaps", ["clip.features: unknown key"]),
        ("encoders.wavlm.tiny.architecture", REMOVED, ["wavlm.tiny.architecture: missing", "wavlm, hubert", "small"]),
        ("encoders.wavlm.tiny", REMOVED, ["wavlm.tiny: missing, expected a block of keys (architecture, layers)"]),
        ("encoders.wav2vec2_finetuned.tiny.seconds", REMOVED, ["tiny.seconds: missing", "from 0.2 to 30", "windows"]),
        ("encoders.clip.pretrained", REMOVED, ["clip.pretrained: missing", "(architecture, checkpoint)"]),
        (
            "encoders.clip.pretrained.architecture",
            REMOVED,
            ["architecture: missing, expected text", "Name of the network in timm"],
        ),
        ("encoders.prosody.media", REMOVED, ["prosody.media: missing, expected one of faces, body, ", "listens"]),
        ("individuals.descriptor", "arcfase", ["'arcfase', which is no descriptor of faces", "mean 'arcface'?", "off"]),
        ("individuals.descriptor", True, ["individuals.descriptor: found True, which is no descriptor of faces"]),
        (
            "gemini.transfer_approved",
            {"by": "me", "date": "soon", "basis": "x"},
            ["date: found 'soon'", "a date", "day"],
        ),
        ("individuals.approved", {"by": " ", "date": "2026-01-02", "basis": "x"}, ["approved.by: found ' '", "who"]),
        ("gemini.max_usd", -1.0, ["gemini.max_usd: found -1.0", "from 0", "US dollars"]),
        ("gemini.dimensions", 4000, ["gemini.dimensions: found 4000", "from 128 to 3072", "vectors"]),
        ("gemini.backend", "vertex", ["gemini.backend: found 'vertex'", "off, False, stand-in, api", "who answers"]),
        ("encoders.s4d.tiny.warm_up", 2, ["s4d.tiny.warm_up:", "found 2", "from 0 to 1", "share"]),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected_and_what_it_means(path, value, words):
    faults = faults_of(changed(path, value))
    assert len(faults) == 1, faults
    assert [word for word in words if word not in faults[0]] == [], faults


def test_a_transductive_submission_is_refused_where_individuals_may_not_be_told_apart():
    wanted = changed("submission.prefer", "transductive")
    check_params(wanted, SCHEMA)
    for changes, reason in (
        ({"dataset": "blemore"}, "biometric processing and needs individuals.approved; by, date, basis missing"),
        ({"individuals": {"descriptor": "off", "approved": None}}, "Switched off by individuals.descriptor"),
        ({"private": "absent"}, "private: absent"),
    ):
        (fault,) = faults_of(wanted | changes)
        assert fault.startswith("submission.prefer: found transductive, which needs individuals to be distinguished.")
        assert reason in fault
    approved = {"descriptor": "sface", "approved": {"by": "me", "date": "2026-01-02", "basis": "consent"}}
    check_params(wanted | {"dataset": "blemore", "individuals": approved}, SCHEMA)


def test_what_comes_from_outside_needs_its_files_in_place_of_media():
    values = changed("encoders.prosody.module", "precomputed")
    del values["encoders"]["prosody"]["media"]
    told = faults_of(values)
    assert [fault.partition(",")[0] for fault in told] == [
        "encoders.prosody.file: missing",
        "encoders.prosody.persons: missing",
    ]


def test_all_faults_are_told_at_once():
    values = changed("demo.train_actors", 3)
    values["fusion"] = {"methd": "simplex"}
    values["encoders"]["s4d"]["tiny"]["epochs"] = 0
    values["encoders"]["wav2vec2_prosody"]["tiny"]["layers"] = [4, 2]
    told = "\n".join(faults_of(values))
    for words in (
        "demo.train_actors",
        "fusion.methd: found 'simplex', expected a block",
        "fusion.method: missing",
        "s4d.tiny.epochs",
        "tiny.layers",
    ):
        assert words in told


def test_the_meaning_stands_in_the_message_people_see():
    with pytest.raises(DataError, match=r"params\.yaml: 1 fault\(s\)\n  - seed: found -1.*\(meaning: start of every"):
        check_params(changed("seed", -1), SCHEMA)


NEW = {
    "fusion/trimmed.py": 'def fit(data, *, share: float):\n    """Trim.\n\n    share : float, 0..1\n        Share of the encoders\n        that is left out.\n    """\n',
    "learning/heads/forest.py": "def fit(learned, model, name, *, trees: int = 9):\n    pass\n",
    "individuals/colour.py": "def describe(face_shards):\n    pass\n",
    "datasets/ravdess.py": "def roster(root, withdrawn, *, folds: int, songs: bool):\n    pass\n",
    "encoders/bands.py": 'FAMILY = Family(kind="computed", note="levels of bands")\n\n\ndef build(settings, *, bins: int, window: Literal["hann", "kaiser"] = "hann"):\n    pass\n',
}
"""Parts that somebody adds: path below the package, source."""


@pytest.fixture
def with_new_parts(tmp_path, monkeypatch):
    """Copies of the five folders with a new part in each; the parameters name none of them yet."""
    for file, text in NEW.items():
        folder = tmp_path / Path(file).parent
        shutil.copytree(REPOSITORY / "src/blemore" / folder.relative_to(tmp_path), folder)
        (tmp_path / file).write_text(f'"""New."""\n\nimport library_that_is_not_there\n\n\n{text}')
    monkeypatch.setattr(parts, "__file__", str(tmp_path / "params/parts.py"))
    parts._face.cache_clear()
    family.cache_clear()
    yield
    parts._face.cache_clear()
    family.cache_clear()


def new_study() -> dict[str, Any]:
    """The project's parameters with a new part of each kind, its numbers given as its signature asks."""
    values = changed("dataset", "ravdess")
    values["ravdess"] = {"folds": 3, "songs": False}
    values["fusion"]["candidates"].append("trimmed")
    values["fusion"]["trimmed"] = {"share": 0.2}
    values["encoders"]["mel"] = {"enabled": True, "module": "bands", "media": "audio", "learning": "frozen", "bins": 40}
    values["individuals"]["descriptor"] = "colour"
    values["encoders"]["prosody"] |= {"head": "forest", "forest": {"trees": 5}}
    return values


def test_a_new_part_of_each_kind_needs_no_line_of_the_schema(with_new_parts):
    check_params(new_study(), SCHEMA)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("fusion.trimmed", REMOVED, ["fusion.trimmed: missing", "(share)"]),
        ("fusion.trimmed", {"sahre": 0.2}, ["fusion.trimmed.sahre: unknown key, did you mean 'share'?", "left out"]),
        ("fusion.trimmed.share", "much", ["fusion.trimmed.share: found 'much', expected a number", "left out"]),
        (
            "fusion.method",
            "trimed",
            ["fusion.method: found 'trimed', which is no fusion method", "did you mean", "'trimmed'?"],
        ),
        ("encoders.prosody.forest", {"tress": 5}, ["prosody.forest.tress: unknown key, did you mean 'trees'?"]),
        ("encoders.prosody.forest.trees", 2.5, ["prosody.forest.trees: found 2.5, expected a whole number"]),
        ("encoders.prosody.head", "frest", ["encoders.prosody.head: found 'frest', which is no head", "'forest'?"]),
        ("ravdess", REMOVED, ["ravdess: missing, expected a block of keys (folds, songs)"]),
        ("ravdess.songs", REMOVED, ["ravdess.songs: missing, expected true or false"]),
        ("ravdess.sogns", True, ["ravdess.sogns: unknown key, did you mean 'songs'?"]),
        ("individuals.descriptor", "color", ["found 'color', which is no descriptor of faces", "mean 'colour'?"]),
        ("dataset", "ravdes", ["dataset: found 'ravdes', which is no data set", "'ravdess'?"]),
        ("encoders.mel.bins", REMOVED, ["encoders.mel.bins: missing, expected a whole number"]),
        ("encoders.mel.binz", 3, ["encoders.mel.binz: unknown key, did you mean 'bins'?"]),
        ("encoders.mel.window", "han", ["encoders.mel.window: found 'han', expected one of hann, kaiser"]),
        ("encoders.mel.tiny", {"bins": "x"}, ["encoders.mel.tiny.bins: found 'x', expected a whole number"]),
        ("encoders.mel.module", "band", ["encoders.mel.module: found 'band', which is no encoder family", "'bands'?"]),
        ("encoders.s4d.architecture", "hubert", ["encoders.s4d.architecture: unknown key"]),
    ],
)
def test_a_new_parts_numbers_are_compared_with_its_signature_before_anything_runs(with_new_parts, path, value, words):
    values = new_study()
    *blocks_, last = path.split(".")
    block = values
    for key in blocks_:
        block = block[key]
    if value is REMOVED:
        del block[last]
    else:
        block[last] = value
    told = faults_of(values)
    assert [word for word in words if not any(word in fault for fault in told)] == [], told
    assert all("library_that_is_not_there" not in fault for fault in told)


@pytest.mark.parametrize(
    ("needs", "faults"),
    [
        ("{}", []),
        ('{"frozen": ("bins",)}', []),  # given, for both scales
        ('{"finetuned": ("layers",)}', []),
        (
            '{"frozen": ("layers",)}',
            ["mel.tiny: missing, expected a block of keys (layers)", "mel.pretrained: missing"],
        ),
        ('{"pretrained": ("checkpoint",)}', ["mel.pretrained: missing, expected a block of keys (checkpoint)"]),
    ],
)
def test_what_a_new_family_says_it_needs_is_asked_for_without_a_line_of_the_schema(with_new_parts, needs, faults):
    file = parts.ENCODER_FAMILY.folder / "bands.py"
    file.write_text(file.read_text().replace('note="levels of bands"', f'note="levels of bands", needs={needs}'))
    if not faults:
        check_params(new_study(), SCHEMA)
        return
    told = faults_of(new_study())
    assert len(told) == len(faults)
    assert all(any(fault in one for one in told) for fault in faults), told


def test_a_part_that_is_not_there_is_asked_for_with_its_file_and_its_function(with_new_parts):
    told = faults_of(changed("fusion.candidates", ["uniform", "borda"]))
    assert "write src/blemore/fusion/borda.py with fit(data, *, its numbers)" in "\n".join(told)
    told = faults_of(changed("dataset", "ravdes"))
    assert "write src/blemore/datasets/ravdes.py with roster(root, withdrawn, *, folds, its numbers)" in "\n".join(told)
    told = faults_of(changed("encoders.s4d.module", "lips"))
    assert "write src/blemore/encoders/lips.py with build(settings, *, its numbers)" in "\n".join(told)


@pytest.mark.parametrize(
    "kind", [parts.FUSION_METHOD, parts.HEAD, parts.DATA_SET, parts.ENCODER_FAMILY], ids=lambda kind: kind.room
)
def test_what_the_source_says_of_a_signature_is_what_python_says(kind):
    assert len(kind.names()) > 1
    for name in kind.names():
        function = getattr(kind.load(name), kind.function)
        own = [one for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
        assert list(kind.numbers(name)["properties"]) == [one.name for one in own]
        assert kind.numbers(name)["required"] == [one.name for one in own if one.default is one.empty]
