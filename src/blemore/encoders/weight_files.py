"""The files of a checkpoint on this machine, looked for without torch and without a network.

A checkpoint is named in one of three forms: a file; a folder as transformers' `save_pretrained` writes it; or a name
on the Hugging Face hub ("facebook/wav2vec2-base"), which is looked for in the hub's local cache, at the settings'
`revision` where one is pinned. Weights are never fetched unasked: a job asks the hub only when the environment says
HF_HUB_OFFLINE=0. Imported before huggingface_hub, which reads that variable once.
"""

import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from blemore.encoders.hub import from_hub
from blemore.params.families import family
from joblineage.files import parse_json

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights in a transformers folder; the first that is there is read."""
CONFIG = "config.json"
TIMM_WEIGHTS = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")
"""Names of the weights in timm's hub repositories; those of OpenAI's CLIP hold both towers, as open_clip saves them."""
WEIGHTS_OF = {"folder": WEIGHTS, "timm": TIMM_WEIGHTS, "file": WEIGHTS}
"""By the form of a family's checkpoints."""
FILES = ("file", "tfjs")
"""Forms of checkpoints that are files of their own, in no folder or repository of fixed names."""
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
MANIFEST = "-weights_manifest.json"
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")

if not os.environ.get("HF_HUB_OFFLINE"):
    os.environ["HF_HUB_OFFLINE"] = "1"


def is_hub_name(checkpoint: str) -> bool:
    """Whether a checkpoint is a name on the hub: "owner/name" that is neither a file's name nor in a folder here."""
    path = Path(checkpoint)
    here = path.exists() or path.parent.exists()
    return HUB_NAME.fullmatch(checkpoint) is not None and path.suffix not in SUFFIXES and not here


def path_of(checkpoint: str) -> Path:
    """Where a checkpoint that is no hub name lies: below the study's folder, or from the user's home (~) on."""
    return Path(os.path.expanduser(checkpoint))


def weight_files(settings: Mapping) -> list[Path]:
    """Files that loading the checkpoint reads, the weights last; empty where they are not complete on this machine.

    settings : the encoder's slice of the parameters, with "module", "checkpoint" and optionally "revision".
    """
    name = settings["checkpoint"]
    path = path_of(name)
    form = family(settings["module"]).form
    if path.is_file():
        files = [manifest_of(path), path] if form == "tfjs" else [path]
        return files if files[0].is_file() else []
    if form in FILES:
        return []
    if path.is_dir():
        there = {file.name: file for file in path.iterdir() if file.is_file()}
    elif is_hub_name(name):
        there = _cached(name, settings.get("revision"))
    else:
        return []
    weights = next((there[known] for known in WEIGHTS_OF[form] if known in there), None)
    if weights is None:
        return []
    if form == "timm":
        return [weights]
    return [there[CONFIG], weights] if CONFIG in there else []


def manifest_of(weights: Path) -> Path:
    """What describes a file of bare numbers, beside it (form "tfjs")."""
    return weights.with_name(f"{weights.stem}{MANIFEST}")


def online() -> bool:
    """Whether the hub may be asked: HF_HUB_OFFLINE says so, in any spelling that its library reads."""
    from huggingface_hub.constants import ENV_VARS_TRUE_VALUES

    return os.environ["HF_HUB_OFFLINE"].upper() not in ENV_VARS_TRUE_VALUES


def fetched_files(settings: Mapping) -> list[Path]:
    """Ask the hub for the files of a checkpoint that is named by its hub name; empty if it has none of that name.

    Raises
    ------
    DataError : the hub refuses or cannot be reached.
    """
    name, revision = settings["checkpoint"], settings.get("revision")
    form = family(settings["module"]).form
    first = [] if form == "timm" else [from_hub(name, CONFIG, revision)]
    weights = next((path for file in WEIGHTS_OF[form] if (path := from_hub(name, file, revision))), None)
    return [file for file in (*first, weights) if file] if weights else []


def local_files(settings: Mapping) -> list[Path]:
    """Files of a checkpoint that is a path, to be inputs of the job that reads them; empty for a name on the hub.

    Empty also without a checkpoint (scale "tiny"; encoders that need none), where nothing is there, and for a path from ~
    on: like the hub's cache it does not belong to the study, and the parameters' sha256 says what is meant.
    """
    name = settings.get("checkpoint", "~")
    if name.startswith("~") or is_hub_name(name):
        return []
    return weight_files(settings)


def _cached(name: str, revision: str | None) -> dict[str, Path]:
    """File name -> path in the hub's local cache, of the pinned revision (else the one that "main" last was)."""
    from huggingface_hub import try_to_load_from_cache

    cached = {file: try_to_load_from_cache(name, file, revision=revision) for file in (CONFIG, *TIMM_WEIGHTS)}
    return {file: Path(path) for file, path in cached.items() if isinstance(path, str)}


def file_fault(path: Path) -> str | None:
    """What is wrong with a file of a checkpoint as far as its first and last bytes tell; None if nothing is.

    Finds empty files, git-lfs pointers, web pages saved in a file's place, and files that were cut short.
    """
    with open(path, "rb") as file:
        head = file.read(200)
    if not head:
        return "is empty"
    if head.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the file itself: fetch it with `git lfs pull`, or download it"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not the file itself: download the file, not the page that shows it"
    if path.suffix == ".json":
        return _json_fault(path)
    if manifest_of(path).is_file():
        return None  # bare numbers have no mark; the manifest says how many they are
    if path.suffix == ".safetensors":
        return _safetensors_fault(path)
    if head.startswith(b"PK") and not zipfile.is_zipfile(path):
        return f"is cut short: {path.stat().st_size} bytes are there, the end of the archive is not"
    if not head.startswith((b"PK", b"\x80")):
        return "is no torch file"
    return None


def _json_fault(path: Path) -> str | None:
    try:
        content = parse_json(path.read_bytes())
    except ValueError as error:
        return f"is no JSON: {error}"
    kind, said = (list, "a list of blocks") if path.name.endswith(MANIFEST) else (dict, "a block of keys")
    return None if isinstance(content, kind) else f"is not {said}"


def _safetensors_fault(path: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np"):  # compares the header with the file's size
            return None
    except SafetensorError as error:
        return f"is cut short, overlong or no safetensors file: {error}"


def model_type(settings: Mapping) -> str | None:
    """`model_type` of a transformers folder's config.json; None where there is none to read."""
    config = next((file for file in weight_files(settings) if file.name == CONFIG), None)
    if config is None or file_fault(config) is not None:
        return None
    return parse_json(config.read_bytes()).get("model_type")


def off(settings: Mapping) -> str:
    """The line of params.yaml that switches an encoder off."""
    return f"encoders: {settings['name']}: enabled: false"


def how_to_get(settings: Mapping) -> str:
    """What to do about a checkpoint that is not there."""
    name = settings["checkpoint"]
    place = f"encoders: {settings['name']}: {settings['scale']}: checkpoint"
    command = f"`blemore weights fetch {settings['name']}` gets it, or says where a person does"
    form = family(settings["module"]).form
    if form in FILES or Path(name).suffix in SUFFIXES:
        beside = f" and {manifest_of(Path(name)).name}" if form == "tfjs" else ""
        return f"{command}; or put that file{beside} there, or name its place in {place}"
    what = WEIGHTS[0] if form == "timm" else f"{CONFIG} and {WEIGHTS[0]} or {WEIGHTS[1]}"
    if not is_hub_name(name):
        return f"{command}; or put {what} into that folder, or name another place in {place}"
    return f"{command}; or put {what} into a folder and name that in {place}"
