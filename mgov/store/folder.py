"""Files below a store's root, reached step by step so that no planted link is ever followed.

Each function takes the root and a relative folder, opens every part with O_NOFOLLOW, and works relative to that
descriptor. OSError passes through: the caller knows whether it means "nothing changed" or "outcome unknown".
"""

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgov.store.root import Root

# Without O_NONBLOCK a pipe planted in a file's place would hold the reader for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
TEMP_SUFFIX = ".tmp"
STAY_OPEN = ("services", "instances", "history/services", "history/instances")
DURABLE_FOLDERS = ("services", "instances", "configs")      # an entry below these must outlive a power cut


def open_folder(root: "Root", folder: str, *, create: bool = False) -> int:
    """A descriptor of `folder` below the root ('' is the root itself); created with the store's mode if told."""
    if root.folders is not None:
        return _open_bound(root, folder, root.folders, create=create)
    descriptor = os.open(root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return _descend(root, descriptor, folder.split("/") if folder else [], folder, create=create)


def _open_bound(root: "Root", folder: str, opened: "dict[str, int]", *, create: bool) -> int:
    # Under a lock the same few folders are opened over and over: they stay open, and a duplicate is handed out.
    if folder in opened:
        return os.dup(opened[folder])
    above, _, name = folder.rpartition("/")
    if above in STAY_OPEN:
        inner = _descend(root, _open_bound(root, above, opened, create=create), [name], folder, create=create)
    else:
        inner = _descend(root, os.dup(opened[""]), folder.split("/"), folder, create=create)
    if folder in STAY_OPEN:
        opened[folder] = os.dup(inner)
    return inner


def _descend(root: "Root", descriptor: int, parts: "list[str]", folder: str, *, create: bool) -> int:
    for part in parts:
        try:
            try:
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
            except FileNotFoundError:
                if not create:
                    raise
                _make_folder(root, part, descriptor, is_durable=folder.partition("/")[0] in DURABLE_FOLDERS)
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
        finally:
            close(descriptor)
        descriptor = inner
    return descriptor


def _make_folder(root: "Root", part: str, parent: int, *, is_durable: bool) -> None:
    try:
        os.mkdir(part, 0o700, dir_fd=parent)
    except FileExistsError:
        return
    try:
        inner = os.open(part, _FOLDER, dir_fd=parent)
        try:
            own(root, inner, root.folder_mode)
        finally:
            close(inner)
        if is_durable:
            os.fsync(parent)
    except OSError:
        try:
            os.rmdir(part, dir_fd=parent)
        except OSError:
            pass
        raise


def close(descriptor: int) -> None:
    """Close a descriptor (negative: none) that has nothing left to say: its data was flushed, or only read."""
    if descriptor >= 0:
        try:
            os.close(descriptor)
        except OSError:
            pass


def own(root: "Root", descriptor: int, mode: int) -> None:
    """Give a new file or folder the store's mode, whatever the umask, and, as root, the store's owner."""
    if os.geteuid() == 0 and root.owner != 0:
        os.fchown(descriptor, root.owner, root.group)
    os.fchmod(descriptor, mode)


def read_file(root: "Root", folder: str, name: str) -> "bytes | None":
    """The bytes of a file, or None where there is none."""
    try:
        parent = open_folder(root, folder)
    except FileNotFoundError:
        return None
    try:
        return read_at(parent, name)
    finally:
        close(parent)


def read_at(parent: int, name: str) -> "bytes | None":
    """The bytes of `name` in an open folder, or None."""
    try:
        descriptor = os.open(name, _READ, dir_fd=parent)
    except FileNotFoundError:
        return None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            number = errno.EISDIR if stat.S_ISDIR(info.st_mode) else errno.ENODEV
            raise OSError(number, os.strerror(number), name)
        data = os.read(descriptor, info.st_size + 1)
        if len(data) == info.st_size:
            return data
        while True:
            more = os.read(descriptor, 1 << 20)
            if not more:
                return data
            data += more
    finally:
        close(descriptor)


def listing(root: "Root", folder: str) -> "list[str]":
    """Every name in `folder`, in no order; none where there is no such folder."""
    try:
        descriptor = open_folder(root, folder)
    except FileNotFoundError:
        return []
    try:
        return os.listdir(descriptor)
    finally:
        close(descriptor)


def names_in(root: "Root", folder: str, suffix: str) -> "list[str]":
    """The sorted names, without `suffix`, of the files in `folder` that end in it; hidden ones are not mgov's."""
    cut = len(suffix)
    names = listing(root, folder)
    return sorted(name[:-cut] if cut else name for name in names if name.endswith(suffix) and name[0] != ".")


def stats_in(root: "Root", folder: str, suffix: str) -> "Iterator[tuple[str, os.stat_result]]":
    """(name without suffix, stat) of everything in `folder` that ends in `suffix`, sorted by name."""
    try:
        descriptor = open_folder(root, folder)
    except FileNotFoundError:
        return
    found = []
    try:
        for name in os.listdir(descriptor):
            if name.endswith(suffix) and name[0] != ".":
                try:
                    info = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue                    # deleted since the folder was listed
                found.append((name[: -len(suffix)], info))
    finally:
        close(descriptor)
    yield from sorted(found, key=_first)


def _first(pair: "tuple[str, os.stat_result]") -> str:
    return pair[0]


def temp_of(name: str) -> str:
    """The temp name of a file: fixed, for the lock that guards the file allows one writer at a time."""
    return f".{name}{TEMP_SUFFIX}"


def write_temp(root: "Root", parent: int, name: str, data: bytes, *, is_durable: bool) -> None:
    """Write the whole of `data` to the temp file of `name` in an open folder; flushed to the disk if durable.

    A regular file left there by a dead writer is removed; anything else is refused with ELOOP. On any error the
    temp file is gone again.
    """
    temp = temp_of(name)
    descriptor = _create(parent, temp, root.file_mode)
    try:
        try:
            own(root, descriptor, root.file_mode)
            write_all(descriptor, data)
            if is_durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        drop_temp(parent, name)
        raise


def drop_temp(parent: int, name: str) -> None:
    """Remove the temp file of `name`, if it is there; an error changes nothing for the caller."""
    try:
        os.unlink(temp_of(name), dir_fd=parent)
    except OSError:
        pass


def _create(parent: int, temp: str, mode: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(temp, flags, mode, dir_fd=parent)
    except FileExistsError:
        if not stat.S_ISREG(os.stat(temp, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), temp) from None
        os.unlink(temp, dir_fd=parent)
        return os.open(temp, flags, mode, dir_fd=parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a short write is followed by another, which then names the cause."""
    view = memoryview(data)
    while view:
        count = os.write(descriptor, view)
        if count == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[count:]


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write every byte at `offset`, or raise OSError."""
    if os.pwrite(descriptor, data, offset) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def replace(parent: int, name: str) -> None:
    """Put the temp file of `name` in its place, atomically."""
    os.replace(temp_of(name), name, src_dir_fd=parent, dst_dir_fd=parent)
