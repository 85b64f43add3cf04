"""Modules that are imported when something in them is first used.

The framework imports parts of the standard library that only few commands need: which shell this is, how to start a
program, how to read bzip2. Together they cost a plain command one bare Python. Each name in UNUSED_AT_START stands
for its module until an attribute of it is asked for; a module that was imported before, or is asked for with
`from ... import`, is what it always was. A name that turns out to be used at once costs nothing but this entry.
"""

import sys
from types import ModuleType

UNUSED_AT_START = ("bz2", "ipaddress", "lzma", "platform", "shellingham", "subprocess", "tokenize")


class _Later(ModuleType):
    """A module's place; the first attribute that is asked for brings the module itself."""

    def __getattr__(self, attribute: str) -> object:
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
        module = __import__(name)
        self.__dict__.update(module.__dict__)
        return getattr(module, attribute)


def import_later() -> None:
    """Put off the import of UNUSED_AT_START, of those that nobody imported yet."""
    for name in UNUSED_AT_START:
        if name not in sys.modules:
            sys.modules[name] = _Later(name)
