"""The report page names and shows nobody whose publication is not recorded; its examples are not picked by eye."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_page import Page, changed, documents, resolve, words
from simulated import DECISIONS

from blemore.report import examples as report_examples
from blemore.report import page
from blemore.report.examples import KINDS, outcomes
from blemore.report.identities import identities
from blemore.report.page import build
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import presence_correct, salience_correct, true_saliences
from blemore.tables import read_clips, read_probabilities
from joblineage.errors import DataError


@pytest.fixture(scope="module")
def study(report_of) -> dict[str, Any]:
    return report_of("demo")[0]


@pytest.fixture(scope="module")
def html(report_of) -> str:
    return report_of("demo")[1]


@pytest.fixture(scope="module")
def real(report_of) -> dict[str, Any]:
    return report_of("blemore")[0]


@pytest.fixture(scope="module")
def real_html(report_of) -> str:
    return report_of("blemore")[1]


@pytest.fixture(scope="module", autouse=True)
def drawn_once() -> Iterator[None]:
    """Draw a study's figures once: whose frames and names are shown does not change them."""
    draw, drawn = page._drawings, {}

    def once(read: Mapping[str, Any], *tables: pd.DataFrame) -> dict[str, Any]:
        dataset = read["metrics"].value["dataset"]
        if dataset not in drawn:
            drawn[dataset] = draw(read, *tables)
        return drawn[dataset]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "_drawings", once)
        yield


def persons_of(study: Mapping[str, Any]) -> list[str]:
    clips = read_clips(study["clips"])
    return sorted(clips.loc[clips["split"] == "train", "person"].unique())


def publication_list(folder: Path, persons: list[str]) -> Path:
    path = folder / "published.csv"
    rows = [{"person": one, "by": "J. Doe", "date": "2026-10-02", "basis": "signed consent"} for one in persons]
    pd.DataFrame(rows, columns=["person", "by", "date", "basis"]).to_csv(path, index=False)
    return path


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
@pytest.mark.parametrize("example_frames", ["demo_only", "none", "listed"])
def test_no_real_person_is_named_or_shown_without_a_recorded_publication(
    real: dict[str, Any], tmp_path: Path, example_frames: str
) -> None:
    html = build(**real, example_frames=example_frames, published=publication_list(tmp_path, ["A999"]))
    for person in persons_of(real):
        assert person not in words(html)
    assert "image/jpeg" not in html
    assert len({one.text for one in Page(html).elements if "data-neutral" in one.attributes}) == len(persons_of(real))


def test_remarks_name_nobody_neither_as_the_clip_nor_in_their_words(real: dict[str, Any], real_html: str) -> None:
    shown = [
        one for one in Page(real_html).elements if one.attributes.get("data-source", "").startswith("remarks.json")
    ]
    train = [one for one in documents(real)["remarks.json"]["remarked"] if one["clip"].startswith("A")]
    assert train
    assert sum(one.text == "(withheld)" for one in shown) == len(train)
    assert sum(one.text == "(withheld): shown mirrored" for one in shown) == len(train)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_a_listed_person_is_named_and_shown_and_nobody_else_is(real: dict[str, Any], tmp_path: Path) -> None:
    listed, *others = persons_of(real)
    html = build(**real, example_frames="listed", published=publication_list(tmp_path, [listed]))
    assert listed in words(html)
    assert all(other not in words(html) for other in others)
    pictures = [one for one in Page(html).elements if one.tag == "img"]
    assert pictures
    for picture in pictures:
        card = next(one for one in picture.around if one.tag == "article")
        assert listed in card.text
    assert "signed consent" in html


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_frames_of_others_are_not_even_read(
    real: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(report_examples, "read_frames", lambda paths, wanted: asked.extend(wanted) or {})
    listed = persons_of(real)[2]
    build(**real, example_frames="listed", published=publication_list(tmp_path, [listed]))
    assert asked
    assert all(clip.startswith(f"{listed}_") for clip in asked)


def test_numbers_under_neutral_names_are_still_those_of_the_files(real: dict[str, Any], real_html: str) -> None:
    clips, fused = read_clips(real["clips"]), read_probabilities(real["probabilities"])
    who, found = identities("blemore", clips, fused, "demo_only"), documents(real)
    found["metrics.json"]["persons"] = {who.label(one["person"]): one for one in found["metrics.json"]["persons"]}
    tables = {name: found.pop(name) for name in ("clips.parquet", "probabilities.parquet", "decisions.parquet")}
    for element in Page(real_html).numbers():
        file, pointer = element.attributes["data-source"].split("#")
        value = float(element.attributes["value"])
        if file in tables:  # a card's number stands in the column of some clip
            assert any(row[pointer.split("/")[2]] == value for row in tables[file].values())
        else:
            assert float(resolve(found, element.attributes["data-source"])) == value


def test_neutral_numbers_do_not_follow_the_order_of_names(real: dict[str, Any]) -> None:
    who = identities("blemore", read_clips(real["clips"]), read_probabilities(real["probabilities"]), "none")
    assert sorted(who.neutral.values()) == [f"P{k:02d}" for k in range(1, len(who.neutral) + 1)]
    assert [who.neutral[person] for person in sorted(who.neutral)] != sorted(who.neutral.values())


def test_what_alone_tells_persons_apart_is_left_out(real_html: str) -> None:
    sources = [one.attributes["data-source"] for one in Page(real_html).numbers()]
    told = {source.rsplit("/", 1)[-1] for source in sources if "#/persons/" in source}
    assert told == {"acc_presence", "acc_salience", "score", "score_transductive", *CLASSES}


@pytest.mark.usefixtures("undrawn")
def test_a_page_that_would_name_somebody_is_refused(real: dict[str, Any], tmp_path: Path) -> None:
    person = persons_of(real)[0]
    with pytest.raises(DataError, match="would name 1 person") as caught:
        build(**changed(real, "individuals", tmp_path, "/reason", f"clip {person}_ang_int1_ver1 has two faces"))
    assert person not in str(caught.value)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("content", "told"), [
    ("person,by,date\nA100,me,2026-01-01\n", "column 'basis' is missing"),
    ("person,by,date,basis\nA100,,2026-01-01,consent\n", "row 1: by is empty"),
    ("person,by,date,basis\nA100,me,last week,consent\n", "row 1: date is no YYYY-MM-DD"),
    ("person,by,date,basis\nA100,me,2026-01-01,consent\nA100,me,2026-01-01,consent\n", "row 2: the person is in more"),
])  # fmt: skip
def test_an_incomplete_publication_list_is_refused(
    real: dict[str, Any], tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(DataError, match=told):
        build(**real, example_frames="listed", published=tmp_path / "list.csv")


@pytest.mark.usefixtures("undrawn")
def test_listed_needs_a_list_and_other_options_are_refused(real: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="needs a publication list"):
        build(**real, example_frames="listed")
    with pytest.raises(DataError, match="expected demo_only, none or listed"):
        build(**real, example_frames="all")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_the_demo_shows_frames_unless_it_is_told_not_to(study: dict[str, Any], html: str) -> None:
    shown = [one for one in Page(html).elements if one.tag == "img"]
    assert len(shown) == 4 * html.count("<article")
    assert "image/jpeg" not in build(**study, example_frames="none")


def test_a_name_inside_another_word_is_left_alone(real: dict[str, Any]) -> None:
    who = identities("blemore", read_clips(real["clips"]), read_probabilities(real["probabilities"]), "none")
    person = persons_of(real)[0]  # "A100"
    assert who.scrub(f"data/{person}_ang_int1_ver1.mov: cut") == "data/(withheld): cut"
    assert who.scrub(f"{person}7 and B{person}") == f"{person}7 and B{person}"


def test_every_decision_is_of_exactly_one_kind() -> None:
    pairs = [(said, true) for said in DECISIONS for true in DECISIONS]
    decided, truth = (np.array(side) for side in zip(*pairs, strict=True))
    kinds = outcomes(decided, truth)
    assert set(kinds) == set(KINDS)
    right = presence_correct(decided, truth)
    assert set(kinds[right]) == {"single_right", "blend_right", "blend_pair"}
    assert ((kinds == "blend_right") == salience_correct(decided, truth)).all()
    assert not (kinds[~right] == "blend_pair").any()


def test_an_example_stands_under_the_kind_that_its_decision_is_of(study: dict[str, Any]) -> None:
    clips, fused = read_clips(study["clips"]), read_probabilities(study["probabilities"])
    decided = pd.read_parquet(study["decisions"])
    made = report_examples.examples(clips, fused, decided, identities("demo", clips, fused, "none"), [])
    assert {one["kind"] for one in made} <= set(KINDS)
    truth, said = clips.set_index("clip"), decided.set_index("clip")[list(CLASSES)]
    for one in made:
        row = outcomes(said.loc[[one["clip"]]].to_numpy(), true_saliences(truth.loc[[one["clip"]]]))
        assert row.tolist() == [one["kind"]]
    assert max(Counter(one["kind"] for one in made).values()) == report_examples.PER_KIND
