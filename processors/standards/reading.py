"""Files of tables, read and validated as a whole: what is wrong is named by file, key and reason."""

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], text: str, place: str, raised: type[ValueError]) -> M:
    """The file's text (TOML) as a model. Raises `raised`, whose message names the file, `place`, and the key."""
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise raised(f"{place}: {error}") from error
    except ValidationError as error:
        key, said = wrong_in(error)
        raise raised(f"{place}: {key}: {said}") from error


def wrong_in(error: ValidationError) -> tuple[str, str]:
    """The key that is wrong first, and what is wrong with it."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
