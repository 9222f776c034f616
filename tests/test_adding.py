"""Adding a part of the study takes the few files that CONTRIBUTING.md names; whatever is forgotten is told at the start."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from blemore.params import parts
from blemore.params.check import read_params
from blemore.params.families import family
from blemore.planning.steps import check_steps
from joblineage.errors import DataError

REPOSITORY = Path(__file__).parents[1]
WORKFLOW = (
    "CITATION.cff",
    "Snakefile",
    "dvc.yaml",
    "params.yaml",
    "requirements.lock",
    "uploads.json",
    "withdrawn.json",
)
FOLDERS = ("profiles", "rules", "schemas", "src", "workflow_scripts")


class Checkout:
    """A copy of the workflow's files, in which something is added."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in WORKFLOW:
            shutil.copy(REPOSITORY / name, folder)
        for name in FOLDERS:
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def add(self, files: Mapping[str, str | tuple[str, str]]) -> None:
        """Write new files, or in files that are there put text in front of a line: {path: text, or (line, text)}."""
        for path, text in files.items():
            if isinstance(text, tuple):
                before = (self.folder / path).read_text()
                assert before.count(f"\n{text[0]}\n") == 1, (path, text[0])
                text = before.replace(f"\n{text[0]}\n", f"\n{text[1]}{text[0]}\n")
            (self.folder / path).write_text(text)

    def start(self) -> str:
        """What a start of the workflow says before any rule is parsed; "" where nothing is wrong."""
        parts._face.cache_clear()
        family.cache_clear()
        try:
            values = read_params(self.folder / "params.yaml")
            check_steps(self.folder, values)
        except DataError as error:
            return str(error)
        return ""

    def dry_run(self) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "-n"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Iterator[Checkout]:
    monkeypatch.setattr(parts, "__file__", str(tmp_path / "src/blemore/params/parts.py"))
    yield Checkout(tmp_path)
    parts._face.cache_clear()
    family.cache_clear()


METHOD = {
    "src/blemore/fusion/trimmed.py": '''"""The mean without the encoders that agree least with the others."""

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean


def fit(data: Labelled, *, share: float) -> WeightedMean:
    """Equal weights of the encoders that are kept.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.
    share : float, 0..1
        Share of the encoders that is left out.
    """
    kept = np.arange(len(data.families)) >= share * len(data.families)
    return WeightedMean(kept / kept.sum())
''',
    "params.yaml": ("  scaling: true", "  trimmed: {share: 0.2}\n"),
}
CANDIDATES = "[uniform, family, "


def with_method(checkout: Checkout) -> None:
    checkout.add(METHOD)
    params = checkout.folder / "params.yaml"
    params.write_text(params.read_text().replace(CANDIDATES, f"{CANDIDATES}trimmed, "))


@pytest.mark.slow
def test_a_fusion_method_takes_its_file_and_its_numbers_in_the_params(checkout):
    with_method(checkout)
    assert len(METHOD) == 2
    planned = checkout.dry_run()
    assert re.search(r"rule fuse:\n    input: .*src/blemore/fusion/trimmed\.py", planned)


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("src/blemore/fusion/trimmed.py", None, "", "'trimmed', which is no fusion method: there are cmaes, "),
        (
            "src/blemore/fusion/trimmed.py",
            "def fit(",
            "def fitted(",
            "write src/blemore/fusion/trimmed.py with fit(data",
        ),
        ("params.yaml", "  trimmed: {share: 0.2}\n", "", "fusion.trimmed: missing, expected a block of keys (share)"),
        ("params.yaml", "share: 0.2", "sahre: 0.2", "fusion.trimmed.sahre: unknown key, did you mean 'share'?"),
        (
            "params.yaml",
            "share: 0.2",
            "share: much",
            "trimmed.share: found 'much', expected a number to 1000000000 (meaning: Share of the enc",
        ),
        ("params.yaml", "trimmed, ", "", "fusion.trimmed: numbers of a method that is not used"),
        ("params.yaml", "trimmed, ", "trimed, ", "'trimed', which is no fusion method"),
    ],
)
def test_what_is_forgotten_of_a_fusion_method_is_told_before_any_training(checkout, path, old, new, words):
    with_method(checkout)
    forget(checkout, path, old, new)
    assert words in checkout.start()


def forget(checkout: Checkout, path: str, old: str | None, new: str) -> None:
    """Replace a part of a file; all of it, file included, where `old` is None."""
    file = checkout.folder / path
    if old is None:
        file.unlink()
        return
    text = file.read_text()
    assert text.count(old) == 1, (path, old)
    file.write_text(text.replace(old, new))


FAMILY = {
    "src/blemore/encoders/loudness.py": '''"""How loud a clip is: a histogram of its samples' sizes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from blemore.encoders.base import Embedder
from blemore.params.families import Family
from blemore.encoders.sound import Sound

FAMILY = Family(kind="computed", note="sizes of samples are counted")


def build(settings: Mapping, *, bins: int) -> "Loudness":
    """The same at both scales: nothing is learned.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.
    bins : int, >= 1
        Bins of the histogram.
    """
    return Loudness(bins)


class Loudness(Embedder):
    """(bins,) float32 of each clip."""

    def __init__(self, bins: int):
        self.bins, self.sound = bins, Sound()

    def read(self, shard: Path) -> Iterator[tuple[str, bytes]]:
        """See Embedder."""
        return self.sound.read(shard)

    def decode(self, raw: bytes) -> np.ndarray:
        """See Embedder."""
        return self.sound.decode(raw)

    def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """See Embedder."""
        return np.stack([np.histogram(np.abs(clip), self.bins, (0, 1 << 15))[0] for clip in clips]).astype(np.float32)
''',
    "params.yaml": (
        "gemini:",
        "  loud: {enabled: true, module: loudness, media: audio, learning: frozen, bins: 16}\n\n",
    ),
}


@pytest.mark.slow
def test_an_encoder_family_takes_its_file_and_an_entry_in_the_params(checkout):
    checkout.add(FAMILY)
    assert len(FAMILY) == 2
    planned = checkout.dry_run()
    assert "output: results/features/loud.parquet, results/features/loud.cost.json" in planned
    assert "output: results/encoders/loud/probabilities.parquet" in planned
    assert re.search(r"rule embed_clips:\n    input: .*src/blemore/encoders/loudness\.py", planned)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("src/blemore/encoders/loudness.py", None, "", "loud.module: found 'loudness', which is no encoder family"),
        (
            "src/blemore/encoders/loudness.py",
            "def build(",
            "def make(",
            "write src/blemore/encoders/loudness.py with build(",
        ),
        (
            "src/blemore/encoders/loudness.py",
            "FAMILY =",
            "KIND =",
            "loudness.py: 1 fault(s)\n  - expected FAMILY = Family",
        ),
        ("src/blemore/encoders/loudness.py", ', note="sizes of samples are counted"', "", "kind computed needs a note"),
        ("params.yaml", "module: loudness", "module: loudnes", "did you mean 'loudness'?"),
        (
            "params.yaml",
            ", bins: 16",
            "",
            "encoders.loud.bins: missing, expected a whole number to 1000000000 (meaning: Bins of the histogram",
        ),
        ("params.yaml", "bins: 16", "bin: 16", "encoders.loud.bin: unknown key, did you mean 'bins'?"),
        ("params.yaml", "bins: 16", "bins: 1.5", "encoders.loud.bins: found 1.5, expected a whole number"),
        (
            "params.yaml",
            "media: audio, learning: frozen, bins",
            "learning: frozen, bins",
            "encoders.loud.media: missing",
        ),
    ],
)
def test_what_is_forgotten_of_an_encoder_family_is_told_before_any_training(checkout, path, old, new, words):
    checkout.add(FAMILY)
    forget(checkout, path, old, new)
    assert words in checkout.start()


STEP = {
    "rules/loudness.smk": '''"""
How loud the clips are.

NEEDS   results/media/audio/{shard}.parquet
MAKES   results/loudness/table.json
"""

LOUDNESS = "results/loudness/table.json"


rule loudness:
    input:
        LOUDNESS,


rule measure_loudness:
    input:
        audio=collect(MEDIA["audio"], shard=SHARDS),
        code=code("measure_loudness"),
    output:
        LOUDNESS,
    log:
        "logs/measure_loudness.log",
    params:
        options=lookup("loudness", within=config),
    script:
        "../workflow_scripts/measure_loudness.py"
''',
    "workflow_scripts/measure_loudness.py": '''"""Measure how loud the clips are."""

from joblineage.files import write_json
from joblineage.job import job
from blemore.media.loudness import loudness

with job(snakemake):
    write_json(snakemake.output[0], loudness(snakemake.input.audio, **snakemake.params.options))
''',
    "src/blemore/media/loudness.py": '''"""How loud clips are."""


def loudness(shards: list[str], *, floor: float) -> dict[str, float]:
    """Level of every clip in dB, at least `floor`."""
    return {}
''',
    "Snakefile": ('include: "rules/fuse.smk"', 'include: "rules/loudness.smk"\n'),
    "dvc.yaml": (
        "  fuse:",
        "  loudness:\n    cmd: snakemake loudness\n    deps: [Snakefile, rules, src/blemore, workflow_scripts, "
        "requirements.lock, results/media]\n    params: [loudness]\n    outs:\n      - results/loudness: {persist: true}\n\n",
    ),
    "params.yaml": ("calibration:", "loudness: {floor: -60.0}\n\n"),
    "schemas/params.schema.yaml": (
        "  calibration:",
        "  loudness:\n    description: how loud clips are\n    type: object\n    additionalProperties: false\n    "
        "required: [floor]\n    properties:\n      floor: {description: least level, type: number, maximum: 0}\n\n",
    ),
}
"""A step whose files one rule reads that is there already: the names for all results, in the Snakefile."""


def with_step(checkout: Checkout) -> None:
    checkout.add(STEP)
    checkout.add({"Snakefile": ("        HELD_BACK,", "        LOUDNESS,\n")})


@pytest.mark.slow
def test_a_step_takes_at_most_seven_files(checkout):
    with_step(checkout)
    assert len(STEP) <= 7
    planned = checkout.dry_run()
    assert "rule measure_loudness:" in planned
    assert "This was a dry-run" in planned


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        (
            "rules/loudness.smk",
            None,
            "",
            "rules/loudness.smk: no rule loudness, which stage loudness of dvc.yaml calls",
        ),
        (
            "rules/loudness.smk",
            None,
            "",
            "workflow_scripts/measure_loudness.py: no rule runs it, add rule measure_loudness",
        ),
        ("rules/loudness.smk", "rule loudness:\n    input:\n        LOUDNESS,\n", "", "no rule loudness, which stage"),
        ("workflow_scripts/measure_loudness.py", None, "", "workflow_scripts/measure_loudness.py: missing"),
        ("src/blemore/media/loudness.py", None, "", "src/blemore/media/loudness.py: missing, workflow_scripts/measure"),
        ("src/blemore/media/loudness.py", "def loudness(", "def level(", "loudness.py: loudness is missing, which"),
        ("Snakefile", 'include: "rules/loudness.smk"\n', "", 'is not included, add `include: "rules/loudness.smk"`'),
        ("dvc.yaml", "  loudness:", "  lodness:", "dvc.yaml: no stage loudness, add one with cmd `snakemake loudness`"),
        ("params.yaml", "loudness: {floor: -60.0}", "", "loudness: missing, expected a block of keys (floor)"),
        ("params.yaml", "floor:", "flor:", "loudness.flor: unknown key, did you mean 'floor'?"),
    ],
)
def test_what_is_forgotten_of_a_step_is_told_with_the_file_it_belongs_to(checkout, path, old, new, words):
    with_step(checkout)
    schema = checkout.folder / "schemas/params.schema.yaml"
    schema.write_text(schema.read_text().replace("decoding, calibration, sub", "decoding, loudness, calibration, sub"))
    assert checkout.start() == ""
    forget(checkout, path, old, new)
    assert words in checkout.start()


def test_a_block_without_a_place_in_the_schema_is_told_where_it_is_described(checkout):
    with_step(checkout)
    shutil.copy(REPOSITORY / "schemas/params.schema.yaml", checkout.folder / "schemas")
    said = checkout.start()
    assert "loudness: unknown key" in said
    assert "a new block is described in schemas/params.schema.yaml" in said


def test_a_key_that_a_rule_reads_and_nobody_gives_is_told_with_the_rule_file(checkout):
    with_step(checkout)
    forget(checkout, "params.yaml", "loudness: {floor: -60.0}\n\n", "")
    assert "params.yaml: no key loudness, which rules/loudness.smk reads" in checkout.start()


@pytest.mark.slow
def test_a_rule_whose_results_nothing_reads_is_told_instead_of_nothing_to_be_done(checkout):
    checkout.add(STEP)
    forget(checkout, "dvc.yaml", "- results/loudness:", "- results/loud:")
    said = checkout.dry_run()
    assert "rule measure_loudness in rules/loudness.smk: nothing reads results/loudness/table.json" in said
    assert "of rule submission in Snakefile" in said
    assert "dvc.yaml: stage loudness does not keep results/loudness/table.json" in said


def test_every_file_that_the_guide_names_is_there():
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    named = {
        name for name in re.findall(r"`([\w.]+(?:/[\w./]+)?)`", guide) if "/" in name or name.endswith((".md", ".yaml"))
    }
    assert len(named) > 10
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []


def test_the_guide_tells_the_functions_that_the_start_looks_for():
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    for kind in (parts.DATA_SET, parts.ENCODER_FAMILY, parts.FUSION_METHOD, parts.HEAD):
        assert f"`src/blemore/{kind.room}/<" in guide
        assert f"`{kind.function}({', '.join(kind.arguments)}, *, " in guide
