# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts are made from: a bare Debian, built once per distribution and recipe, then kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping

from holdfast_lab.apt_sources import archive, settings_for_hosts
from holdfast_lab.archives import archive_of
from holdfast_lab.docker_daemon import docker
from holdfast_lab.places import cache_directory
from holdfast_lab.processes import locked, run, run_long, succeeds
from holdfast_lab.progress import LabError, step
from holdfast_lab.requirements import program, require

DISK_SIZE = "12G"
"""Of a virtual machine; sparse, so that it costs what is written."""

_BARE = [
    "ca-certificates",
    "dbus",
    "iproute2",
    "iputils-ping",
    "kmod",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",  # every standard Debian has it, and without it Ansible's apt module cannot predict in check mode
    "systemd-sysv",
    "udev",
]
_KERNEL = "linux-image-cloud-amd64"
_OTHER_KERNELS = {"bullseye": "linux-image-amd64"}  # mirrors may lack the last cloud kernel of an archived release

# Units that take dpkg's lock or the processor at moments of their own have no place in a test.
_QUIET = (
    "for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service; do "
    'ln -sf /dev/null "$1"/etc/systemd/system/$unit; done'
)
# Every host is given its own identity when it is made.
_ANONYMOUS = (
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap'
)
_SSH_DIRECTORY = 'mkdir -p -m 0700 "$1"/root/.ssh'

# A virtual machine reads who it is from its second disk, a plain tar archive, at its first boot.
_SEED_UNIT = """[Unit]
Description=Identity of a lab host, from its second disk
DefaultDependencies=no
ConditionPathExists=!/var/lib/holdfast-lab-seeded
After=systemd-remount-fs.service
Before=network-pre.target systemd-networkd.service ssh.service sysinit.target
Wants=network-pre.target

[Service]
Type=oneshot
ExecStart=/bin/tar --extract --file=/dev/vdb --directory=/
ExecStart=/bin/hostname --file /etc/hostname
ExecStart=/bin/touch /var/lib/holdfast-lab-seeded

[Install]
WantedBy=sysinit.target
"""

# The features of ext4 that the oldest distribution's kernel and fsck know, whatever this machine's mke2fs prefers.
_EXT4 = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,"
    "dir_nlink,extra_isize,metadata_csum"
)


@dataclass(frozen=True)
class Recipe:
    """All that a root file system is made from."""

    kind: str
    packages: list[str]
    hooks: list[str]
    """Shell commands for mmdebstrap(1), run with the new root as ``$1`` when all packages are in."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Content by path, in place before the packages above are."""

    def key(self, distro: str) -> str:
        """Names an image by what it is made from, so that a changed recipe makes a new image."""
        parts = [distro, DISK_SIZE, *self.packages, *self.hooks, *self.files, *self.files.values()]
        return f"{self.kind}-{distro}-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:12]}"


_CONTAINER = Recipe(
    "container",
    _BARE,
    [_QUIET, _ANONYMOUS, _SSH_DIRECTORY],
    {
        # A container that is killed loses nothing that was written, so dpkg need not wait for the disk.
        "etc/dpkg/dpkg.cfg.d/holdfast-lab": "force-unsafe-io\n",
        # /proc/sys is this machine's and read-only; Docker 26 and later refuse to run containers then, unless told.
        "etc/systemd/system.conf.d/holdfast-lab.conf": (
            "[Manager]\nDefaultEnvironment=DOCKER_ALLOW_IPV6_ON_IPV4_INTERFACE=1\n"
        ),
    },
)


def _virtual_machine(distro: str) -> Recipe:
    return Recipe(
        "vm",
        [*_BARE, "initramfs-tools", _OTHER_KERNELS.get(distro, _KERNEL)],
        [
            _QUIET,
            _ANONYMOUS,
            _SSH_DIRECTORY,
            'chroot "$1" systemctl enable holdfast-lab-seed.service systemd-networkd.service',
        ],
        {
            # What a power cut tears is the tests' own matter, not the packages', and an emulated disk is slow to sync.
            "etc/dpkg/dpkg.cfg.d/holdfast-lab": "force-unsafe-io\n",
            # No check by fsck: root comes up writable, so there would be none, but the boot would wait for udev first.
            "etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 0\n",
            "etc/systemd/system/holdfast-lab-seed.service": _SEED_UNIT,
            # A small initial RAM disk: unpacking the full one takes an emulated processor seconds.
            "etc/initramfs-tools/conf.d/holdfast-lab": "MODULES=list\n",
            "usr/share/initramfs-tools/modules.d/holdfast-lab": "virtio_pci\nvirtio_blk\next4\n",
        },
    )


def container_image(distro: str, mirror: str) -> str:
    """The name of the image that container hosts of this distribution run; built or imported when it is not there.

    :param mirror: URL of the package mirror
    """
    key = _CONTAINER.key(distro)
    name = f"holdfast-lab:{key}"
    with _lock(key):
        if docker(["image", "ls", "--quiet", name]).strip():
            return name
        tarball = cache_directory("images") / f"{key}.tar"
        if not tarball.exists():
            with tempfile.TemporaryDirectory(dir=cache_directory("images")) as scratch:
                os.replace(_root_file_system(_CONTAINER, distro, mirror, Path(scratch)), tarball)
        with step(f"importing the container image of {distro}"):
            docker(["import", str(tarball), name], timeout=600)
    return name


def disk_image(distro: str, mirror: str) -> Path:
    """The directory with ``disk.raw``, ``vmlinuz`` and ``initrd.img`` of this distribution; built when not there.

    :param mirror: URL of the package mirror
    """
    recipe = _virtual_machine(distro)
    key = recipe.key(distro)
    image = cache_directory("images") / key
    with _lock(key):
        if not image.exists():
            with tempfile.TemporaryDirectory(dir=cache_directory("images")) as scratch:
                tarball = _root_file_system(recipe, distro, mirror, Path(scratch))
                with step(f"making the disk of {distro}"):
                    os.replace(_disk(tarball, Path(scratch)), image)
    return image


def _lock(key: str) -> AbstractContextManager[None]:
    return locked(cache_directory("images") / f"{key}.lock", f"the image {key}")


def _root_file_system(recipe: Recipe, distro: str, mirror: str, scratch: Path) -> Path:
    """Make a root file system from the distribution's packages, as a tar archive in ``scratch``."""
    require(["mmdebstrap"])
    files, target = scratch / "files.tar", scratch / "root.tar"
    files.write_bytes(archive_of(recipe.files))
    command = [
        *_confined(scratch),
        program("mmdebstrap"),
        "--variant=minbase",
        f"--include={','.join(recipe.packages)}",
        *(f"--aptopt={line}" for line in settings_for_hosts(mirror)),
        f"--essential-hook=tar-in {files} /",
        *(f"--customize-hook={hook}" for hook in recipe.hooks),
        distro,
        str(target),
        *archive().lines(distro),
    ]
    what = f"building a {recipe.kind} root of {distro} from its packages"
    with step(what):
        run_long(command, cache_directory("logs") / f"mmdebstrap-{recipe.kind}-{distro}.log", what)
    return target


def _confined(scratch: Path) -> list[str]:
    """What to run mmdebstrap by, so that an interrupted one leaves nothing that is not removed with ``scratch``.

    As root it mounts this machine's devices below its root, of all places: only where the mounts are in a namespace of
    their own may anybody remove what it left. Other users' namespaces are its own doing, with ids that may not enter
    our cache.
    """
    apart = ["unshare", "--mount", "--propagation=private"]
    if os.geteuid() != 0 or not succeeds([*apart, "true"]):
        return []
    return [*apart, "env", f"TMPDIR={scratch}"]


def _disk(tarball: Path, scratch: Path) -> Path:
    """Turn a root file system into a directory with disk, kernel and initial RAM disk."""
    require(["mke2fs"])
    root, image = scratch / "root", scratch / "image"
    root.mkdir()
    image.mkdir()
    unpack = f"tar --extract --numeric-owner --exclude=./dev/* --directory={root} --file={tarball}"
    # Zeroed here, where it costs a hole in a sparse file, and not by the kernel of every host in its first minutes.
    now = "lazy_itable_init=0,lazy_journal_init=0"
    make = f"{program('mke2fs')} -q -t ext4 -O {_EXT4} -E {now} -d {root} {image / 'disk.raw'} {DISK_SIZE}"
    script = f"set -e; {unpack}; {make}; chmod -R u+rwX {root}"
    if os.geteuid() == 0:
        run(["sh", "-c", script], timeout=900)
    else:
        require(["fakeroot"])
        run([program("fakeroot"), "sh", "-c", script], timeout=900)
    for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd.img", "initrd.img-*")):
        found = sorted((root / "boot").glob(pattern))
        if not found:
            raise LabError(f"the root file system has no /boot/{pattern}: see the log of mmdebstrap.")
        shutil.copyfile(found[-1], image / name)
    return image
