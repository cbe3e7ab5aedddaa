"""Immutable records, without the cost of ``dataclasses``.

``import dataclasses`` with two records costs 1.5 bare Python starts (it imports inspect, re and
enum), which is more than everything else ``devports check`` does. `Frozen` is the part of it that
devports uses; type checkers see it as a frozen dataclass (PEP 681).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never, NoReturn

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Frozen:
    """Base of every record: fields are the annotations, in order, parents first.

    A class attribute is the field's default. Instances compare and hash by type and fields,
    cannot be assigned to, and match positionally in ``match`` statements.
    """

    __match_args__: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        own = tuple(name for name in cls.__annotations__ if name not in cls.__match_args__)
        cls.__match_args__ = (*cls.__match_args__, *own)  # type: ignore[misc]  # mypy: a constant

    def __init__(self, *args: object, **kwargs: object) -> None:
        cls, names, fields = type(self), self.__match_args__, self.__dict__
        if len(args) > len(names):
            raise TypeError(f"{cls.__name__} takes {len(names)} fields, got {len(args)}")
        fields.update(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in names or name in fields:
                raise TypeError(f"{cls.__name__}: unexpected or repeated field {name!r}")
            fields[name] = value
        for name in names[len(args) :]:
            if name not in fields:
                try:
                    fields[name] = getattr(cls, name)
                except AttributeError:
                    raise TypeError(f"{cls.__name__}: field {name!r} is missing") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self.__match_args__)))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"

    def replace(self, **changes: object) -> Self:
        """Return a copy with these fields changed."""
        return type(self)(**{**self.__dict__, **changes})


def unreachable(value: Never) -> NoReturn:
    """Close a ``match`` over a union: the type checker proves that no case is missing."""
    raise AssertionError(f"not covered: {type(value).__name__}")
