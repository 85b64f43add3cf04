"""An instance as those who call it see it, and what its forms for other programs are made of."""

from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.model.instance import Instance


class Endpoint(NamedTuple):
    """An instance as those who call it see it; `host` is '' when it has no address."""

    service: str
    id: str
    host: str
    port: int
    protocol: str
    url: str
    tags: "Sequence[str]" = ()
    zone: str = ""
    region: str = ""
    version: str = ""
    weight: int = 1
    metadata: "Mapping[str, str]" = {}


def endpoint_of(instance: "Instance") -> Endpoint:
    """The endpoint of a registered instance."""
    return Endpoint(
        instance.service,
        instance.id,
        instance.host,
        instance.port,
        instance.protocol,
        instance.url,
        instance.tags,
        instance.zone,
        instance.region,
        instance.version,
        instance.weight,
        instance.metadata,
    )


class Rendering(NamedTuple):
    """The text of an output, with its last newline, and one note for each thing that could not be put in it."""

    text: str
    notes: "tuple[str, ...]" = ()
