"""One fold's training in a folder of its own, small, for the tests of the training loop."""

from blemore.learning.training import loop as training

SETTINGS = {
    "name": "s4d", "module": "vitmoe", "media": "faces", "learning": "finetuned", "scale": "tiny",
    "epochs": 4, "batch": 8, "learning_rate": 1e-3,
}  # fmt: skip


def run(study, folder, *, fold=0, seed=17, **changes):
    """Train one fold into `folder`; returns the bytes of what was written."""
    clips, shards = study
    folder.mkdir(exist_ok=True)
    files = {"probabilities": "rows.parquet", "curve": "curve.csv", "weights": "weights.safetensors"}
    training.train_fold(
        SETTINGS | changes, clips, shards, fold=fold, seed=seed, state=folder / "state.pt",
        **{kind: folder / name for kind, name in files.items()},
    )  # fmt: skip
    return {kind: (folder / name).read_bytes() for kind, name in files.items()}


def sets_of(monkeypatch):
    """What `fit` is given to learn from and to stop by, training by training."""
    seen = []
    fit = training.fit
    monkeypatch.setattr(
        training,
        "fit",
        lambda network, **given: seen.append((given["learned"], given["inner"])) or fit(network, **given),
    )
    return seen
