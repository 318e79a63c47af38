"""Profile: one catalogue entry, checked as it is read, with its source and date."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.value import Value
from hardware_profiles.yaml_file import YamlMapping, load_yaml

__all__ = ["Confidence", "NotNegative", "Positive", "Profile", "Text", "load_yaml"]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Confidence = Literal["A", "B", "C"]


class Profile(Value):
    """A named entry of a shelf of YAML files, or one written out in place.

    A field of this type accepts three things: the name (or an alias) of a shelf entry, or the path
    of a YAML file that ends in ``.yaml``; a whole entry; or
    ``{like: NAME, key: value}``, a shelf entry with some of its keys changed.
    """

    shelf: ClassVar[Path]
    """Folder of ``<name>.yaml`` files; each subclass names its own."""

    name: Text
    """Name of the entry; on a shelf also the name of its file."""
    aliases: tuple[Text, ...] = ()
    """Other names the same thing goes by."""
    source: Text
    """Where the numbers were read: URL, document or measurement."""
    checked: date
    """Day on which somebody last looked at the source."""
    confidence: Confidence
    """A: primary or cross-checked. B: one secondary page. C: common knowledge, verify first."""
    notes: str = ""
    """What a reader should know before using the numbers."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names on the shelf, in alphabetical order."""
        return tuple(sorted(path.stem for path in cls.shelf.glob("*.yaml")))

    @classmethod
    def named(cls, name: str) -> Self:
        """Shelf entry of that name or alias; upper and lower case are alike.

        Raises
        ------
        InputError
            If there is none: the message has the nearest name and all that exist.
        """
        return cls.parse(cls._raw(name))

    @classmethod
    def _raw(cls, name: str) -> YamlMapping:
        """Keys of the shelf entry `name`, or of a YAML file of one's own, as the file has them."""
        if name.strip().endswith((".yaml", ".yml")) and Path(name.strip()).is_file():
            return load_yaml(Path(name.strip()))
        folded = name.strip().casefold()
        stems = {stem.casefold(): stem for stem in cls.names()}
        if folded in stems:
            return cls._read(stems[folded])
        for stem in stems.values():
            entry = cls._read(stem)
            aliases = entry.get("aliases")
            if isinstance(aliases, list) and folded in {str(a).casefold() for a in aliases}:
                return entry
        raise InputError(
            f"no {cls.__name__} is called {name!r}; {did_you_mean(name, stems.values())}"
        )

    @classmethod
    def _read(cls, stem: str) -> YamlMapping:
        path = cls.shelf / f"{stem}.yaml"
        entry = load_yaml(path)
        if entry.get("name") != stem:
            found = entry.get("name")
            raise InputError(
                f"{path}: name: expected {stem!r} as the file is called, found {found!r}"
            )
        return entry

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, data: Any) -> Any:
        if isinstance(data, str):
            return dict(cls.named(data))
        if isinstance(data, Mapping) and "like" in data:
            return cls._changed(data)
        return data

    @classmethod
    def _changed(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Shelf entry with some keys changed; the source says which, and confidence falls to C."""
        if not isinstance(data["like"], str):
            raise InputError(f"like: expected the name of a {cls.__name__}, found {data['like']!r}")
        changes = {key: value for key, value in data.items() if key != "like"}
        base = dict(cls._raw(data["like"]))
        if changes:
            base["source"] = f"{base['source']}; changed here: {', '.join(sorted(changes))}"
            base["confidence"] = "C"
        return _merged(base, changes)

    @field_validator("checked", mode="after")
    @classmethod
    def _not_in_the_future(cls, checked: date) -> date:
        # A day of grace: it may be tomorrow already where the entry was written.
        if checked > date.today() + timedelta(days=1):
            raise InputError(f"{checked} lies in the future; give the day the source was read")
        return checked


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Mapping `base` with `changes` laid over it, key by key all the way down."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(below, value)
        elif isinstance(below, str) and isinstance(value, Mapping) and "name" not in value:
            merged[key] = {"like": below, **value}
        else:
            merged[key] = value
    return merged


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
