"""Files of repositories on the Hugging Face hub, through its own library, into its own cache."""

from pathlib import Path

from joblineage.errors import DataError

HOW_TO_LOG_IN = "log in with `hf auth login`, and accept the terms on its page if there are any"


def from_hub(name: str, file: str, revision: str | None) -> Path | None:
    """A file of a repository on the hub, into the hub's own cache; None where the repository has no such file.

    The hub's library shows how far it is, goes on where a connection was cut, and waits where it is asked to.

    Raises
    ------
    DataError : the hub refuses or cannot be reached; says why and what to do.
    """
    from httpx2 import HTTPError
    from huggingface_hub import errors, hf_hub_download

    where = f"{name} at revision {revision or 'main'}"
    try:
        return Path(hf_hub_download(name, file, revision=revision))
    except errors.RemoteEntryNotFoundError:
        return None
    except (errors.RepositoryNotFoundError, errors.GatedRepoError) as error:
        fault = f"the hub shows {where} to nobody unknown, or has none of that name: {HOW_TO_LOG_IN}"
        raise DataError(name, [fault]) from error
    except errors.RevisionNotFoundError as error:
        raise DataError(name, [f"the hub has no {where}: compare the revision with its page"]) from error
    except (OSError, HTTPError) as error:
        answer = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
        said = f"it answers {answer.status_code}" if answer is not None else str(error).strip().splitlines()[0]
        slower = ": it is asked too often, wait some minutes" if "429" in said else ""
        fault = (
            f"{file} of {where} did not come from the hub, {said}{slower}; what has come is kept, call again to go on"
        )
        raise DataError(name, [fault]) from error
