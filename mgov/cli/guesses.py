"""What people type who come from other tools, and what it is called here.

Read only when a command is not known. A row is a group ('' is the root), the command there that is meant, and the words
of kubectl, Consul, etcdctl, docker, systemctl and git for it. What the words look like does not matter: they are exact.
"""

from __future__ import annotations

from mgov.cli import tree
from mgov.model.names import is_name

_WORDS: tuple[tuple[str, str, str], ...] = (
    ("", "services", "ls list get ps svc catalog"),
    ("", "instances", "nodes members pods endpoints"),
    ("", "register", "add create new join"),
    ("", "deregister", "rm remove delete del unregister leave"),
    ("", "show", "describe inspect info"),
    ("", "discover", "find resolve lookup dns endpoint"),
    ("", "health", "check ping monitor watch wait test"),
    ("", "why", "explain diagnose"),
    ("", "status", "top dashboard overview summary"),
    ("", "maintenance", "maint drain cordon uncordon"),
    ("", "graph", "deps dependencies tree topology"),
    ("", "call", "curl request http invoke"),
    ("", "history", "log logs changes changelog events"),
    ("", "undo", "rollback revert"),
    ("", "config get", "kv env"),
    ("", "config set", "set put"),
    ("", "config unset", "unset"),
    ("", "audit", "lint score"),
    ("", "store check", "fsck verify doctor"),
    ("breaker", "breaker list", "ls get"),
    ("breaker", "breaker show", "status info describe inspect"),
    ("breaker", "breaker trip", "open force"),
    ("breaker", "breaker reset", "close unset rm remove delete"),
    ("breaker", "breaker run", "exec guard call"),
    ("limit", "limit list", "ls get"),
    ("limit", "limit show", "status info describe inspect"),
    ("limit", "limit set", "add create unset rm remove delete off"),
    ("limit", "limit take", "check acquire run exec"),
    ("config", "config get", "ls list cat"),
    ("config", "config set", "put add create"),
    ("config", "config unset", "rm remove delete del"),
    ("config", "config show", "view describe inspect"),
    ("config", "config import", "apply load"),
    ("config", "config history", "log versions"),
    ("config", "config rollback", "undo revert restore"),
    ("config", "config promote", "copy cp"),
    ("config", "config validate", "check lint verify"),
    ("config", "config exec", "run env"),
    ("graph", "graph", "show ls list tree get"),
    ("graph", "graph impact", "dependents"),
    ("import", "import kubernetes", "k8s kube kubectl"),
    ("import", "import compose", "docker docker-compose"),
    ("store", "store info", "status show stat ls"),
    ("store", "store check", "verify fsck doctor"),
    ("store", "store repair", "fix mend"),
)

_OF_ONE = {
    "": "show", "breaker": "breaker show", "limit": "limit show", "config": "config get", "graph": "graph --around",
}  # fmt: skip


def meant(group: str, word: str, behind: str = "") -> str | None:
    """What to type for `word`, or None. `behind` is the next word: for `get instances` it is `instances`."""
    found = next((path for place, path, words in _WORDS if place == group and word in words.split()), None)
    if found == "services" and is_name(behind):
        return _of_kind(behind)
    return found if found is not None and tree.find(found) else None


def _of_kind(behind: str) -> str:
    """What prints the kind of thing that stands behind the verb, or the one service of that name."""
    alias = next((path for _, path, words in _WORDS[:2] if behind in words.split()), behind)
    for kind in (alias, f"{behind}s", behind.removesuffix("s")):
        if entry := tree.find(kind):
            asked = (f"{kind} list", f"{kind} get", kind)
            return kind if entry[1] else next(path for path in asked if tree.find(path))
    return about_one("", behind) or ""


def about_one(group: str, name: str) -> str | None:
    """How the group is asked about the service `name`, which was typed where a command stands; None where it is not."""
    return f"{_OF_ONE[group]} {name}" if group in _OF_ONE else None
