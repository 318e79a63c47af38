"""Value: a frozen piece of configuration that refuses what it does not know."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from hardware_profiles.explain import explain

__all__ = ["Value"]


class Value(BaseModel):
    """Base of every configuration value: frozen, no unknown keys, no infinities or NaN."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Read a value at the door, as `model_validate` does, with errors a person can act on.

        Parameters
        ----------
        data : a mapping (from `load_yaml`: errors then have file and line), or a finished value.

        Raises
        ------
        InputError
            One line: where, what was found, what would have gone right.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(error, data, cls) from None
