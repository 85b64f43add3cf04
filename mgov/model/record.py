"""A NamedTuple that costs nothing to import.

typing and dataclasses each cost a hot verb half of bare Python's start-up. A type checker sees typing.NamedTuple;
at run time the same class body becomes a collections.namedtuple.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    class _RecordType(type):
        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = list(body.get("__annotations__", {}))
            defaults = [body.pop(field) for field in fields if field in body]
            base = namedtuple(f"{name}Fields", fields, defaults=defaults, module=body["__module__"])
            body.setdefault("__slots__", ())
            body["__repr__"] = _repr
            return type(name, (base,), body)

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in zip(self._fields, self, strict=True))})"

    class NamedTuple(metaclass=_RecordType):
        """Base of a record: annotated names are the fields, in order; a value is the default."""
