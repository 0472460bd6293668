# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the demo's PostgreSQL image from the distribution's packages into an archive that ``docker load`` takes.

No registry and no Docker daemon: mmdebstrap unpacks the packages, this file leaves out what the server does not need
and writes layer, configuration and manifest. The archive is cached under the key of everything that goes into it.

    python3 postgres_image.py        prints the archive's path
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

NAME = "holdfast/demo-postgres:15"
SUITE = "bookworm"
PACKAGES = ("postgresql-15", "dash", "coreutils", "libc-bin", "base-files", "tzdata")
UID = 5432
DATA = "var/lib/postgresql/data"
SOURCE = Path(__file__).resolve()
ENTRYPOINT = SOURCE.parent / "serve-postgres"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast" / "images"

# Packages that postgresql-15 depends on and the server never opens: the just-in-time compiler, Perl, translations.
LEFT_OUT = (
    "boot/",
    "etc/",
    "sbin/",
    "usr/bin/openssl",
    "usr/bin/perl",
    "usr/lib/postgresql/15/lib/bitcode/",
    "usr/lib/postgresql/15/lib/llvmjit",
    "usr/lib/x86_64-linux-gnu/gconv/",
    "usr/lib/x86_64-linux-gnu/libLLVM",
    "usr/lib/x86_64-linux-gnu/libperl",
    "usr/lib/x86_64-linux-gnu/libz3",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/sbin/",
    "usr/share/doc/",
    "usr/share/i18n/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/perl",
    "usr/share/zoneinfo/posix/",
    "usr/share/zoneinfo/right/",
    "var/cache/",
    "var/lib/apt/",
    "var/lib/dpkg/",
    "var/run/",
)
FILES = {
    "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\npostgres:x:{UID}:{UID}::/var/lib/postgresql:/bin/sh\n",
    "etc/group": f"root:x:0:\npostgres:x:{UID}:\n",
}
DIRECTORIES = {
    "tmp": (0, 0o1777),
    "var/lib/postgresql": (UID, 0o755),
    DATA: (UID, 0o700),
    "run/postgresql": (UID, 0o755),
}


def path() -> Path:
    """Where the archive of this very image lies, or will lie."""
    key = hashlib.sha256(SOURCE.read_bytes() + ENTRYPOINT.read_bytes()).hexdigest()[:16]
    return CACHE / f"demo-postgres-{key}.tar.gz"


def archive() -> Path:
    """The path of the image's archive, built now when it is not in the cache."""
    target = path()
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            finished = Path(scratch, target.name)
            _write_archive(finished, _layer(_root_file_system(Path(scratch))))
            finished.rename(target)
    return target


def _root_file_system(scratch: Path) -> Path:
    """The packages and what they depend on, unpacked and not configured: no maintainer script is needed."""
    if not shutil.which("mmdebstrap"):
        sys.exit("image: mmdebstrap is missing, which unpacks the packages. Install it: apt-get install mmdebstrap")
    target = scratch / "root.tar"
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(PACKAGES)}", SUITE, str(target)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"image: mmdebstrap could not unpack {', '.join(PACKAGES)} of {SUITE}:\n{done.stdout}")
    return target


def _layer(root: Path) -> bytes:
    """The layer as a tar archive, the same bytes for the same packages."""
    layer = io.BytesIO()
    with tarfile.open(root) as packages, tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as target:
        for entry in sorted(packages, key=lambda entry: entry.name):
            entry.name = entry.name.removeprefix("./").rstrip("/")
            if _wanted(entry):
                entry.mtime = 0
                target.addfile(entry, packages.extractfile(entry) if entry.isreg() else None)
        for name, (owner, mode) in DIRECTORIES.items():
            target.addfile(_entry(name, mode, owner, tarfile.DIRTYPE))
        run = _entry("var/run", 0o777, kind=tarfile.SYMTYPE)
        run.linkname = "/run"
        target.addfile(run)
        for name, text in FILES.items():
            _add_file(target, name, text.encode(), 0o644)
        _add_file(target, "usr/local/bin/serve-postgres", ENTRYPOINT.read_bytes(), 0o755)
    return layer.getvalue()


def _wanted(entry: tarfile.TarInfo) -> bool:
    return bool(entry.name) and entry.name not in DIRECTORIES and not f"{entry.name}/".startswith(LEFT_OUT)


def _entry(name: str, mode: int, owner: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.uid, entry.gid, entry.type = mode, owner, owner, kind
    return entry


def _add_file(target: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = _entry(name, mode)
    entry.size = len(content)
    target.addfile(entry, io.BytesIO(content))


def _write_archive(target: Path, layer: bytes) -> None:
    """Write the image as ``docker save`` would: configuration, layer and the manifest that joins them."""
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(_config(digest), sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{digest}/layer.tar"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [NAME], "Layers": [layer_name]}]).encode()
    with (
        open(target, "wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as image,
    ):
        _add_file(image, layer_name, layer, 0o644)
        _add_file(image, config_name, config, 0o644)
        _add_file(image, "manifest.json", manifest, 0o644)


def _config(layer_digest: str) -> dict[str, object]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": "postgres",
            "Env": ["PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/bin", f"PGDATA=/{DATA}", "LANG=C.UTF-8"],
            "Entrypoint": ["/usr/local/bin/serve-postgres"],
            # PostgreSQL's fast shutdown; its smart one would wait for every client to leave.
            "StopSignal": "SIGINT",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "comment": "packages of the distribution, without a registry"}],
    }


if __name__ == "__main__":
    print(archive())
