# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine's processor can run virtual machines, found out by running one."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from holdfast_lab.places import cache_directory
from holdfast_lab.processes import locked
from holdfast_lab.progress import say, step
from holdfast_lab.requirements import program

PROBE_SECONDS = 30.0
"""A guest boots in three seconds where KVM works; /dev/kvm may be there and yet hang (nested virtualisation)."""
_DEVICE = Path("/dev/kvm")
# Init is a program that ends at once with success: the kernel says so in its last words and has thereby run user space.
_BOOTED = b"exitcode=0x00000000"


def kvm_works(image: Path) -> bool:
    """Whether a guest of this image boots under KVM; asked once per boot of this machine, then remembered."""
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = cache_directory() / "kvm.json"
    with locked(cache_directory() / "kvm.lock", "the probe of KVM"):
        known = json.loads(note.read_text()) if note.exists() else {}
        if known.get("boot") != boot:
            with step("trying whether KVM boots a guest"):
                began = time.monotonic()
                known = {"boot": boot, "works": _boots(image)}
            say(f"KVM {'works' if known['works'] else 'does not work: emulating'} ({time.monotonic() - began:.1f} s)")
            note.write_text(json.dumps(known))
    return bool(known["works"])


def _boots(image: Path) -> bool:
    command = [
        program("qemu-system-x86_64"),
        *("-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-display", "none"),
        *("-no-user-config", "-no-reboot", "-serial", "stdio", "-snapshot"),
        *("-drive", f"file={image / 'disk.raw'},format=raw,if=virtio"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img")),
        *("-append", "root=/dev/vda ro console=ttyS0 panic=-1 init=/bin/true"),
    ]
    with tempfile.TemporaryFile() as console:
        guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            guest.wait(PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            guest.kill()
            guest.wait()
        console.seek(0)
        return _BOOTED in console.read()
