"""The report page tells the truth of the files it was made from, and loads nothing."""

import json
import re
import shutil
from base64 import b64decode, b64encode
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import pytest
import yaml
from report_page import BASELINES, CHECKED, Page, changed, documents, resolve
from report_study import without_new_blocks

from blemore.audit.page import build as audit_page
from blemore.encoders.labels import LABELS, label
from blemore.report import inputs, numbers, page
from blemore.report.numbers import Spot, rounded
from blemore.report.page import SECTIONS, build
from blemore.report.policy import inline, policy
from blemore.report.scales import scale
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError

FIXED = ("90 %", "50/50", "70/30")
"""The only digits in the page's own words: the interval's width and the two kinds of blend."""


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


def is_rounded(shown: str, value: float) -> bool:
    """The shown text is the value, rounded to as many digits as are shown."""
    plain = shown.replace("\u2212", "-").replace("\u202f", "").replace("+", "")
    digits = len(plain.partition(".")[2])
    expected = Decimal(repr(value) if digits > 6 else value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    return Decimal(plain) == expected


def test_every_number_on_the_page_is_the_one_in_its_file_rounded(study: dict[str, Any], html: str) -> None:
    found, checked = documents(study), Counter()
    for element in Page(html).numbers():
        value = float(resolve(found, element.attributes["data-source"]))
        assert float(element.attributes["value"]) == value, element
        assert is_rounded(element.text, value), element
        checked[element.attributes["data-source"].split("#")[0]] += 1
    texts = {"licences.json", "quarantine.csv", "CITATION.cff", "datasets/demo.py"}
    assert set(found) - set(checked) == texts, "these hold texts only"
    assert sum(checked.values()) > 500


@pytest.mark.thorough
def test_names_and_texts_are_those_of_the_files_word_for_word(study: dict[str, Any], html: str) -> None:
    found, yes_or_no = documents(study), {"True": "yes", "False": "no"}
    for element in Page(html).elements:
        if element.tag != "data" and "data-source" in element.attributes:
            said = str(resolve(found, element.attributes["data-source"]))
            said = label(said) if "data-encoder" in element.attributes else said
            assert element.text == yes_or_no.get(said, said)
        if "data-key" in element.attributes:
            resolve(found, element.attributes["data-key"])
            last = element.attributes["data-key"].rsplit("/", 1)[-1]
            if "data-encoder" in element.attributes:
                assert element.attributes["title"] == last
            said = label(last) if "data-encoder" in element.attributes else last
            assert element.text == (said.replace("_", " ") if "data-words" in element.attributes else said)
        if "data-file" in element.attributes:
            assert f"{element.text}.cost.json" in found


def test_every_remark_of_every_clip_is_on_the_page_with_the_share_of_its_face_samples(
    study: dict[str, Any], html: str
) -> None:
    said = documents(study)["remarks.json"]
    page = Page(html)
    [table] = [one for one in page.elements if one.tag == "table" and "what was remarked" in one.text]
    rows = [one for one in page.elements if one.tag == "tr" and table in one.around and one.inside("tbody")]
    assert len(rows) == len(said["remarked"]) == 4
    for row, entry in zip(rows, said["remarked"], strict=True):
        assert entry["clip"] in row.text
        assert len(entry["remarks"]) == 2
        assert all(text in row.text for text in entry["remarks"])
    shares = [float(one.attributes["value"]) for one in page.numbers() if table in one.around]
    assert sorted(shares) == [0.0, 0.8125, 1.0]  # the fourth is set aside
    sources = {one.attributes["data-source"] for one in page.numbers()}
    assert {f"remarks.json#/{key}" for key in ("clips", "face_share", "face_always")} <= sources


def test_published_figures_stand_beside_those_of_a_study_of_blemore(real: dict[str, Any], real_html: str) -> None:
    found = documents(real)
    shown = [one for one in Page(real_html).numbers() if one.attributes["data-source"].startswith("baselines.yaml#")]
    for one in shown:
        assert float(one.attributes["value"]) == float(resolve(found, one.attributes["data-source"]))
    published = [one[split] for one in found["baselines.yaml"]["systems"] for split in ("validation", "test")]
    assert len(shown) == 1 + sum(len(pair or ()) for pair in published)
    assert "arXiv 2601.13225" in real_html


def test_published_figures_stand_beside_no_other_data_set(html: str) -> None:
    assert "baselines.yaml" not in html
    assert "Beside what was published" not in html


def test_every_published_figure_names_its_protocol_and_its_source() -> None:
    known = yaml.safe_load(BASELINES.read_text())
    for one in known["systems"]:
        assert one["protocol"] in known["protocols"]
        assert one["source"] in known["sources"]
        assert all(0 <= number < 0.5 for pair in (one["validation"], one["test"]) for number in pair or ())


def test_every_encoder_of_the_params_has_a_label_of_its_own() -> None:
    names = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())["encoders"]
    assert list(LABELS) == list(names)
    assert len(set(LABELS.values())) == len(LABELS)
    assert label("of_ones_own") == "of_ones_own"


def test_the_losses_on_the_page_are_those_of_each_folds_last_epoch(study: dict[str, Any], html: str) -> None:
    curves = pd.read_csv(study["curves"])
    shown = [one.attributes for one in Page(html).numbers() if one.attributes["data-source"].startswith("curves.csv#")]
    losses = {one["data-source"] for one in shown if one["data-source"].endswith("/loss")}
    assert losses == {f"curves.csv#/{row}/loss" for row in curves.index[curves["epoch"] == 3]}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_without_a_trained_encoder_the_page_says_that_there_are_no_curves(
    study: dict[str, Any], tmp_path: Path
) -> None:
    pd.read_csv(study["curves"]).iloc[:0].to_csv(tmp_path / "curves.csv", index=False)
    html = build(**study | {"curves": tmp_path / "curves.csv"})
    assert "there are no curves" in html
    assert "curves.csv#" not in html


def test_the_whole_files_in_the_page_are_the_studys_byte_for_byte(study: dict[str, Any], html: str) -> None:
    links = [one.attributes for one in Page(html).elements if one.attributes.get("class") == "file"]
    assert {one["download"] for one in links} == {"encoders.csv", "curves.csv"}
    for one in links:
        content = b64decode(one["href"].removeprefix("data:text/csv;base64,"))
        assert content == Path(study[one["download"].removesuffix(".csv")]).read_bytes()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_a_study_of_plain_clips_says_so(study: dict[str, Any], tmp_path: Path) -> None:
    html = build(**changed(study, "remarks", tmp_path, "/remarked", []))
    assert "No clip has a remark" in html
    assert "what was remarked" not in html


def test_the_headline_is_the_nested_score_and_the_rows_below_it_are_what_they_say(html: str) -> None:
    page = Page(html)
    keys = ("acc_presence", "acc_salience", "score")
    big = [one.attributes["data-source"] for one in page.numbers() if any(
        "big" in outer.attributes.get("class", "").split() for outer in one.around)]  # fmt: skip
    assert big == [f"metrics.json#/protocols/nested/{key}" for key in keys]
    rows = {"honestly": "protocols/nested", "as in": "protocols/paper", "optimism": "protocols/optimism",
            "without": "without_unknown", "trivial": "trivial"}  # fmt: skip
    for start, block in rows.items():
        row = next(one for one in page.elements if one.tag == "tr" and one.text.strip().startswith(start))
        inside = [one.attributes["data-source"] for one in page.numbers() if any(outer is row for outer in one.around)]
        shown = [source for source in inside if "/interval/" not in source]
        assert shown == [f"metrics.json#/{block}/{key}" for key in keys]


def test_the_pages_own_words_hold_no_digits(html: str) -> None:
    for text, around in Page(html).pieces:
        if any(one.tag in ("script", "style", "svg", "title") for one in around):
            continue
        if any("axis" in one.attributes.get("class", "").split() for one in around):
            continue  # the ticks of a chart
        if any(name in one.attributes for one in around for name in CHECKED):
            continue  # checked against the files above
        for words in FIXED:
            text = text.replace(words, "")
        assert not re.search(r"\d", text), text


def part(html: str, name: str) -> str:
    """The text of the element with that class, lines as they are."""
    return next(one.text for one in Page(html).elements if name in one.attributes.get("class", "").split())


def test_the_head_names_the_study_its_authors_its_date_and_what_its_data_set_cites(html: str) -> None:
    assert '<h1><span data-source="params.yaml#/report/title">Blends 7, seen twice</span></h1>' in html
    said = part(html, "about")
    for words in ("Doe, Jo and The 3rd Lab", "2026-11-23", "Nobody et al. 2026, doi 10.9/x.7", "not known: no records"):
        assert words in said
    version = yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text())["version"]
    assert f"blemore {version}" in said


def test_the_page_can_be_cited_as_bibtex(html: str) -> None:
    study, software = (one.text for one in Page(html).elements if one.attributes.get("class") == "bibtex")
    for field in ("title = {Blends 7, seen twice}", "author = {Doe, Jo and The 3rd Lab}", "date = {2026-11-23}"):
        assert f"  {field},\n" in study
    assert "author = {{The blemore authors}}" in software
    assert all(entry.count("{") == entry.count("}") for entry in (study, software))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_a_study_without_title_and_authors_makes_none_up(study: dict[str, Any]) -> None:
    html = build(**study | {"study": study["study"] | {"report": {"title": None, "authors": [], "date": None}}})
    assert "<h1>The study's report</h1>" in html
    assert "The study has no title and no authors yet" in html
    assert "@misc" not in html
    assert "Date" not in part(html, "about")


@pytest.mark.parametrize(("value", "digits", "signed", "shown"), [
    (0.37512, 3, False, ".375"), (1.0, 3, False, "1.000"), (-0.0125, 3, True, "\u2212.013"), (0.02, 3, True, "+.020"),
    (-0.0001, 3, True, ".000"), (0.0, 2, True, ".00"), (12345, None, False, "12\u202f345"), (20.0, None, False, "20.0"),
    (1234.56, 1, False, "1\u202f234.6"), (0, None, False, "0"),
])  # fmt: skip
def test_a_number_is_shown_without_a_needless_zero_and_with_a_real_minus(
    value: float, digits: int | None, signed: bool, shown: str
) -> None:
    assert rounded(value, digits, signed) == shown


@pytest.mark.thorough
def test_the_same_files_give_the_same_page(study: dict[str, Any], html: str) -> None:
    assert build(**study) == html


def test_the_page_is_small_and_refers_to_nothing_outside_itself(html: str) -> None:
    assert len(html.encode()) < 5_000_000
    page = Page(html)
    policy = [one.attributes["content"] for one in page.elements if "http-equiv" in one.attributes]
    rules = dict(rule.split(" ", 1) for rule in policy[0].split("; "))
    assert (rules["default-src"], rules["img-src"], rules["form-action"]) == ("'none'", "data:", "'none'")
    for element in page.elements:
        for name in ("src", "href", "xlink:href"):
            target = element.attributes.get(name, "#")
            assert target.startswith(("#", "data:")), target
    assert "url(http" not in html
    assert "@import" not in html


def test_the_browser_runs_and_styles_only_what_the_templates_hold(html: str) -> None:
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for kind in ("script", "style"):
        allowed = rules[f"{kind}-src"].split()
        assert all(one.startswith("'sha256-") for one in allowed)
        blocks = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.S)
        assert {f"'sha256-{b64encode(sha256(block.encode()).digest()).decode()}'" for block in blocks} == {*allowed}
    assert not re.search(r"<[^>]+ on\w+=", re.sub(r"<script>.*?</script>", "", html, flags=re.S))


def test_the_policy_holds_no_letters_that_look_like_a_person_s_code() -> None:
    """The page is searched for the codes of persons who must not be named."""
    folders = [Path(room.__file__).with_name("templates") for room in (numbers, audit_page)]
    assert not re.search(r"(?<![A-Za-z0-9])A[0-9]{2,3}", policy(inline(folders)))


def test_every_part_has_a_tab_and_every_picture_says_what_it_shows(html: str) -> None:
    page = Page(html)
    parts = [one.attributes["id"] for one in page.elements if one.tag == "section"]
    links = [one.attributes["href"] for one in page.elements if one.tag == "a" and one.inside("nav")]
    assert [f"#{name}" for name in parts] == links == [f"#{name}" for name in SECTIONS]
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for element in page.elements:
        if element.tag == "img":
            assert element.attributes["alt"]
        if element.tag == "svg":
            assert element.attributes["role"] == "img"
            assert len(element.attributes["aria-label"]) > 20


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_a_later_part_needs_one_entry_and_its_template(
    study: dict[str, Any], html: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_template(tmp_path, monkeypatch, "again", "<p>ours</p>")
    again = build(**study, sections=SECTIONS | {"again": "Once more"})
    assert '<a id="tab-again" href="#again">Once more</a>' in again
    assert "<p>ours</p>" in again
    assert "tab-again" not in html


@pytest.mark.thorough
def test_the_demo_says_loudly_that_it_is_one(html: str, real_html: str) -> None:
    banner = [one for one in Page(html).elements if one.attributes.get("class") == "banner"]
    assert "Generated demo actors" in banner[0].text
    assert html.count('class="tag demo"') == len(SECTIONS)
    assert 'class="banner"' not in real_html
    assert 'class="tag demo"' not in real_html


def test_the_confusion_figure_shows_the_shares_of_the_decisions(study: dict[str, Any], html: str) -> None:
    clips, decided = documents(study)["clips.parquet"], documents(study)["decisions.parquet"]
    counts: Counter[tuple[str, str]] = Counter()
    for clip, row in clips.items():
        if row["split"] == "train" and not row["quarantine"]:
            true = "+".join(name for name in CLASSES if name in (row["emotion_1"], row["emotion_2"]))
            counts[true, "+".join(name for name in CLASSES if decided[clip][name] > 0)] += 1
    totals = Counter({true: 0 for true, _ in counts})
    for (true, _), number in counts.items():
        totals[true] += number
    shares = [number / totals[true] for (true, _), number in counts.items()]
    drawing = re.search(r'<svg[^>]*aria-label="Matrix of true sets.*?</svg>', html, re.S)
    assert drawing is not None
    written = re.findall(r">(\d+)</text>", drawing[0])
    assert sorted(written, key=int) == sorted((f"{100 * share:.0f}" for share in shares if share >= 0.05), key=int)


@pytest.mark.parametrize("values", [[], [0.4], [0.0], [-0.002, 0.05], [1500.0, 2.0], [0.07, 0.333]])
@pytest.mark.parametrize("around_zero", [False, True])
def test_an_axis_holds_zero_and_every_value_and_has_few_ticks(values: list[float], around_zero: bool) -> None:
    axis = scale(values, around_zero)
    assert axis.low <= min([0.0, *values])
    assert axis.high >= max([0.0, *values])
    assert axis.high > axis.low
    assert 2 <= len(axis.ticks()) <= 9
    assert all(0 <= place <= 100 for place, _ in axis.ticks())
    assert not around_zero or axis.at(0.0) == 50


def columns_of(html: str) -> dict[str, dict[str, list[str]]]:
    """{label of a table that scrolls: {header: the column's cells}}."""
    cells: dict[str, list[list[str]]] = {}
    for one in Page(html).elements:
        region = next(
            (around.attributes["aria-label"] for around in one.around if "aria-label" in around.attributes), ""
        )
        if one.inside("table") and one.tag == "tr":
            cells.setdefault(region, []).append([])
        elif one.inside("table") and one.tag in ("th", "td"):
            cells[region][-1].append(" ".join(one.text.split()))
    return {
        region: {head: [row[k] for row in rows] for k, head in enumerate(heads)}
        for region, (heads, *rows) in cells.items()
        if len(rows) > 1 and {len(row) for row in rows} == {len(heads)}
    }


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_no_column_of_encoders_persons_or_jobs_is_the_same_in_every_row(
    study: dict[str, Any], html: str, tmp_path: Path
) -> None:
    tables = ("Table of encoders", "Scores and offsets per person", "Cost of each job")
    found = columns_of(html)
    assert [(table, head) for table in tables for head, cells in found[table].items() if len(set(cells)) == 1] == []
    metrics = json.loads(Path(study["metrics"]).read_text())
    for person in metrics["persons"]:
        person |= {"blends": 0, "acc_salience": None}  # another data set, without blends
    encoders = pd.read_csv(study["encoders"])
    encoders[[name for name in encoders if name.startswith("over_computed")]] = None  # and without a computed encoder
    job = json.loads(Path(study["costs"][0]).read_text())
    on_gpu = tmp_path / "features/wav2vec2_prosody.cost.json"
    on_gpu.parent.mkdir()
    on_gpu.write_text(json.dumps(job | {"device": "cuda", "peak_gpu_mb": 300}))
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    encoders.to_csv(tmp_path / "encoders.csv", index=False)
    other = study | {
        "metrics": tmp_path / "metrics.json",
        "encoders": tmp_path / "encoders.csv",
        "costs": [on_gpu, *study["costs"][1:]],
    }
    page = build(**other)
    again = columns_of(page)
    gone = {head for table in tables for head in found[table] if head not in again[table]}
    assert gone == {"ACC_salience", "over the best computed encoder"}
    (words,) = (one.text for one in Page(page).elements if one.tag == "p" and "The same for everybody" in one.text)
    assert "blends 0, ACC_salience \u2013" in words
    assert again["Cost of each job"].keys() - found["Cost of each job"].keys() == {"GPU memory, MB", "device"}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_where_the_best_encoders_are_the_fewest_no_standard_error_of_zero_is_shown(
    study: dict[str, Any], html: str, tmp_path: Path
) -> None:
    worth = json.loads(Path(study["worth"]).read_text())
    worth["greedy"]["smallest"] |= {"behind": 0.0, "standard_error": 0.0}
    (tmp_path / "worth.json").write_text(json.dumps(worth))
    page = build(**study | {"worth": tmp_path / "worth.json"})
    assert "; no further encoder raises the Score above theirs." in page
    assert "no further encoder" not in html


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_intervals_of_few_test_persons_say_how_few(study: dict[str, Any], html: str, tmp_path: Path) -> None:
    held_back = json.loads(Path(study["held_back"]).read_text())
    entry = json.loads(Path(study["metrics"]).read_text())["variants"]["inductive"]
    for one in held_back["variants"].values():
        one |= {"persons": 3, "interval": entry["interval"], "interval_reason": None}
    (tmp_path / "held_back.json").write_text(json.dumps(held_back))
    page = build(**study | {"held_back": tmp_path / "held_back.json"})
    (words,) = (one.text for one in Page(page).elements if one.tag == "p" and "with so few they are wide" in one.text)
    assert words == "Brackets: 90 % intervals over 3 actors; with so few they are wide."
    assert "with so few they are wide" not in html  # one person has no interval


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_what_a_study_did_not_compute_is_said_and_does_not_fail(study: dict[str, Any], html: str) -> None:
    page = build(**without_new_blocks(study))
    assert page.count("<b>Not computed.</b>") == 11
    assert "<b>Not computed.</b>" not in html
    found = documents(without_new_blocks(study))
    assert all(float(resolve(found, one.attributes["data-source"])) == float(one.attributes["value"])
               for one in Page(page).numbers())  # fmt: skip


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("name", "pointer", "value", "told"), [
    ("metrics", "/variants/inductive/score", "much", r"metrics\.json.*\n.*/variants/inductive/score: expected a number, found 'much'"),
    ("metrics", "/variants/inductive", KeyError, r"metrics\.json.*\n.*/variants: 'inductive' is missing"),
    ("metrics", "/gain/controls/random_groups/mean", KeyError, r"metrics.*\n.*/gain/controls/random_groups: 'mean'"),
    ("metrics", "/persons/2/offsets", [1, 2], r"metrics.*\n.*/persons/2/offsets: expected a block of keys"),
    ("metrics", "/encoders/s4d/origin", "magic", r"metrics.*\n.*/encoders/s4d/origin: expected one of .*, found 'magic'"),
    ("weights", "/folds/0/s4d", None, r"weights\.json.*\n.*/folds/0/s4d: expected a number, found None"),
    ("models", "/inductive/final", KeyError, r"models\.json.*\n.*/inductive: 'final' is missing"),
    ("reliability", "/classes/ang/0/low", None, r"reliability\.json.*\n.*/classes/ang/0/low"),
    ("individuals", "/active", "yes", r"summary\.json.*\n.*/active: expected true or false"),
    ("held_back", "/variants/inductive/interval", KeyError, r"held_back\.json.*\n.*/variants/inductive: 'interval'"),
    ("licences", "/encoders/s4d/unknown", KeyError, r"licences\.json.*\n.*/encoders/s4d: 'unknown' is missing"),
    ("remarks", "/remarked/0/face_share", "half", r"remarks\.json.*\n.*/remarked/0/face_share: expected a number"),
    ("metrics", "/dataset", "other", r"metrics\.json.*\n.*/dataset: 'other', the parameters say 'demo'"),
])  # fmt: skip
def test_an_unknown_structure_is_refused_naming_file_and_key(
    study: dict[str, Any], tmp_path: Path, name: str, pointer: str, value: Any, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        build(**changed(study, name, tmp_path, pointer, value))


def test_a_place_that_is_not_there_is_named(study: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"x\.json.*\n.*/a: there is no 'c'"):
        Spot("x.json", {"a": {"b": 1}})["a"]["c"]


@pytest.mark.usefixtures("undrawn")
def test_an_input_that_nothing_reads_says_where_to_add_what(study: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "power.json").write_text("{}")
    told = r"rules/report\.smk(.*\n)*.*input 'power' is read by nothing: add a block 'power' to .*contract\.yaml .* template"
    with pytest.raises(DataError, match=told):
        build(**study, power=tmp_path / "power.json")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["clips", "metrics"])
def test_an_input_that_is_missing_says_where_it_is_handed_over(study: dict[str, Any], name: str) -> None:
    told = f"rules/report\\.smk.*\n.*input '{name}' is missing: add it to REPORTED"
    with pytest.raises(DataError, match=told):
        build(**{key: value for key, value in study.items() if key != name})
    with pytest.raises(DataError, match=r"input 'weights' is missing"):
        build(**study | {"weights": []})


def test_a_block_that_the_contract_lacks_is_named_with_the_file_to_add_it_to() -> None:
    with pytest.raises(
        DataError, match=r"report/contract\.yaml.*\n.*no block 'power': add one that states what power\.json holds"
    ):
        inputs.checked("power", "power.json", {})


def with_template(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, template: str) -> None:
    """Add a part of the page, or replace it."""
    shutil.copytree(Path(page.__file__).parent / "templates", folder / "templates")
    (folder / f"templates/{name}.html.j2").write_text(template)
    monkeypatch.setattr(page.environment(), "loader", jinja2.FileSystemLoader(folder / "templates"))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_a_further_block_needs_the_contract_and_a_template_alone(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    further = {"power": {"required": ["detectable"], "properties": {"detectable": {"type": "number"}}}}
    contract = inputs._contract() | further
    monkeypatch.setattr(inputs, "_contract", lambda: contract)
    with_template(tmp_path, monkeypatch, "overview", "{{ number(power.detectable) }}")
    (tmp_path / "power.json").write_text('{"detectable": 0.0312}')
    html = build(**study, power=tmp_path / "power.json")
    assert '<data value="0.0312" data-source="power.json#/detectable">.031</data>' in html
    with pytest.raises(DataError, match="input 'power' is missing: add it to REPORTED"):
        build(**study)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
@pytest.mark.parametrize(("template", "told"), [
    ("<p>ours</p>\n{{ power.score }}", r"templates/overview\.html\.j2, line 2.*\n.*'power' is undefined; the page has .*metrics.*build"),
    ("{{ drawings.power }}", r"templates/overview\.html\.j2, line 1.*\n.*no attribute 'power'; the page has .*drawings.*build"),
])  # fmt: skip
def test_a_name_that_the_page_does_not_have_is_told_with_the_templates_line(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str, told: str
) -> None:
    with_template(tmp_path, monkeypatch, "overview", template)
    with pytest.raises(DataError, match=told):
        build(**study)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_a_section_without_its_template_says_which_file_to_add(study: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"report/templates.*\n.*there is no power\.html\.j2: add it"):
        build(**study, sections=SECTIONS | {"power": "Power"})
