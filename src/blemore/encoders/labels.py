"""What the encoders of params.yaml are called in figures and tables: what they read, then the network.

Files, parameters and commands know the code name alone. An encoder of one's own that is not listed keeps its code name.
"""

LABELS = {
    "s4d": "face: S4D-ViTMoE",
    "wav2vec2_prosody": "voice: wav2vec 2.0 frozen",
    "wav2vec2_finetuned": "voice: wav2vec 2.0 finetuned",
    "timesformer": "body: TimeSformer",
    "videomae": "body: VideoMAE finetuned",
    "gemini": "video: Gemini Embedding",
    "wavlm": "voice: WavLM",
    "hubert": "voice: HuBERT",
    "clip": "face: CLIP",
    "videomae_frozen": "body: VideoMAE frozen",
    "prosody": "voice: prosody",
    "face_geometry": "face: geometry",
    "voice": "voice: Resemblyzer",
    "expression": "face: expression network",
    "voc2vec": "voice: voc2vec",
    "hicmae_frozen": "face + voice: HiCMAE frozen",
    "hicmae": "face + voice: HiCMAE finetuned",
}
"""{name in params.yaml: label}."""


def label(name: str) -> str:
    """The label of an encoder, or its name where it has none."""
    return LABELS.get(name, name)
