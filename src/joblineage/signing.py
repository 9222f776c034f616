"""A run signed with a key that only one holder has: what was re-forged as a whole no longer bears the signature.

The run's document holds the Merkle root of its records, and these the hashes of every file: one signature covers all.
Ed25519, keys as PEM files; the signature lies beside the run, lineage/runs/<id>.sig.json.
"""

from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from joblineage.errors import DataError
from joblineage.files import read_json, write_bytes, write_json
from joblineage.store import FOLDER, SIGNATURES, Store
from joblineage.verdict import Finding, Verdict

MEANINGS = (b"joblineage run\n", b"blemore run\n")
"""What is signed before a run's id, so that the signature means nothing elsewhere: now, and before the library had a name."""


def keep_outside(root: Path, private: Path) -> None:
    """Refuse a key in the study's folder: git, DVC, an export or a copy of the folder would hand it on.

    Raises
    ------
    DataError : `private` lies, or would lie, below `root`.
    """
    if root.resolve() in private.resolve().parents:
        raise DataError(str(private), ["lies in the study's folder, which others get: keep the key elsewhere"])


def make_keys(private: Path) -> Path:
    """Write a new key pair, `private` (readable by its owner only) and `private`.pub; the latter's path.

    Raises
    ------
    DataError : one of them exists; a key is never overwritten.
    """
    public = private.with_name(f"{private.name}.pub")
    for path in (private, public):
        if path.exists():
            raise DataError(str(path), ["exists already: a key is never overwritten"])
    key = Ed25519PrivateKey.generate()
    write_bytes(private, key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()), 0o600)
    write_bytes(public, key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
    return public


def sign(store: Store, private: Path) -> Path:
    """Sign the last run; the signature's path.

    Raises
    ------
    DataError : no run to sign; no such key.
    """
    if not store.runs:
        raise DataError(str(store.folder), ["no run to sign: finish one first"])
    path, name = _last(store)
    key = pem.load_pem_private_key(_key(private), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise DataError(str(private), ["expected an Ed25519 key, as `sign --new-key` makes it"])
    signed = {"key": key.public_key().public_bytes_raw(), "signature": key.sign(MEANINGS[0] + name)}
    write_json(path, {part: b64encode(value).decode() for part, value in signed.items()})
    return path


def check(store: Store, public: Path) -> list[Finding]:
    """What is wrong with the last run's signature by the key whose public half is given.

    Raises
    ------
    DataError : no such key.
    """
    key = pem.load_pem_public_key(_key(public))
    if not isinstance(key, Ed25519PublicKey):
        raise DataError(str(public), ["expected the public half of an Ed25519 key"])
    if not store.runs or store.pending:
        return [Finding(Verdict.UNRECORDED, f"{FOLDER}/runs", "jobs have ended that no run lists, so none is signed")]
    path, name = _last(store)
    node = f"{FOLDER}/runs/{path.name}"
    if not path.exists():
        return [Finding(Verdict.TAMPERED, node, "the last run is not signed")]
    if any(_signed(key, path, meaning + name) for meaning in MEANINGS):
        return []
    return [Finding(Verdict.TAMPERED, node, "the last run bears no signature of this key")]


def _last(store: Store) -> tuple[Path, bytes]:
    """Where the last run's signature lies, and the run's id."""
    name = store.line[0]
    return store.folder / "runs" / f"{name}{SIGNATURES}", name.encode()


def _signed(key: Ed25519PublicKey, path: Path, message: bytes) -> bool:
    try:
        key.verify(b64decode(read_json(path)["signature"]), message)
    except (InvalidSignature, OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _key(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(str(path), ["no such key file; `sign --new-key FILE` makes a pair"])
    return path.read_bytes()
