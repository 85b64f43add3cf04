"""How many probes and files this process may hold at once, below the limit on open files."""

from __future__ import annotations

import resource

RESERVED_FILES = 64             # for the store, the terminal, libraries and the resolver
MAX_QUIET = 800                 # probes that only wait may stand beside the default number
DEFAULT_CONCURRENCY = 200       # measured: 5,000 loopback hosts take equally long from 100 to 400, and more
                                # would overflow the usual accept queue of 511 when one machine serves many names


def allowed_files(wanted: int) -> int:
    """How many descriptors all probes may hold together: `wanted`, at most the soft file limit less a reserve.

    Raises the soft limit towards the hard one when `wanted` needs it. Never less than 1.
    """
    wanted = max(1, wanted)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = _raise_soft_limit(soft, hard, needed)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - RESERVED_FILES))


def _raise_soft_limit(soft: int, hard: int, needed: int) -> int:
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):       # macOS refuses more than OPEN_MAX, whatever the hard limit says
        return soft
    return raised
