# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a mount, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _desire
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._desire import Desired
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

DEFAULTS = {name: option.get("default") for name, option in _desire.OPTIONS.items()}


def desire(**options: Any) -> Desired:
    return _desire.desire({**DEFAULTS, "path": "/mnt/a", "src": "storage:/srv/a", **options}, frozenset({"nfs"}))


def test_the_least_that_can_be_said() -> None:
    wanted = desire()
    assert (wanted.path, wanted.src, wanted.entry.fstype) == ("/mnt/a", "storage:/srv/a", "nfs")
    assert wanted.entry.opts.startswith("rw,hard,nfsvers=4.2")
    assert wanted.by_systemd


def test_paths_are_normalised() -> None:
    assert desire(path="//mnt//a/").path == "/mnt/a"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"path": "mnt/a"}, "mount mnt/a: path: 'mnt/a' is not absolute"),
        ({"path": "/mnt/../a"}, "goes back with"),
        ({"path": "/mnt/./a"}, "goes back with"),
        ({"path": "/mnt/a\nb"}, "is not absolute"),
        ({"path": "/"}, "belongs to the system"),
        ({"path": "/etc/"}, "belongs to the system"),
        ({"src": None}, "src: is missing, and state mounted needs it"),
        ({"src": "storage"}, "Write it as server:/path"),
        ({"fstype": "ext4"}, "ansible.posix.mount"),
        ({"preset": "database", "opts": "soft"}, "contradicts preset database"),
        ({"preset": "database", "automount": True}, "automount: contradicts preset database"),
        ({"preset": "database", "opts": "x-systemd.automount"}, "automount: contradicts preset database"),
        ({"path": "/home", "automount": True}, "is needed while the host boots"),
        ({"automount_idle": 5}, "automount: true"),
        ({"automount": True, "state": "ephemeral"}, "keeps nothing"),
        ({"opts": "hard,soft"}, "contradict each other"),
        ({"opts": "password=hunter2"}, "username and password"),
        ({"opts": {"ro": 1}}, "neither a string nor a list"),
        ({"required_by": ["docker"]}, "is no name of a unit"),
        ({"required_by": ["docker.service"], "state": "ephemeral"}, "needs a state other than ephemeral"),
        ({"required_by": ["docker.service"], "fstab": "/srv/fstab"}, "needs the host's own fstab"),
        ({"fstab": "fstab"}, "fstab: 'fstab' is not absolute"),
        ({"fstab": "/srv/fstab", "backend": "systemd"}, "needs backend: fstab"),
        ({"backend": "systemd", "opts": "x-systemd.growfs"}, "a unit cannot say"),
        ({"dump": "x"}, "dump: 'x' is no number"),
        ({"owner": "no-such-user"}, "owner: this host has no user"),
        ({"mode": "u+x"}, "is no mode"),
        ({"username": "u", "password": "hunter2"}, "fstype nfs takes no user and password"),
    ],
)
def test_bad_input(options: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem, match=told) as refused:
        desire(**options)
    assert "hunter2" not in str(refused.value)


def test_options_of_the_module_become_mount_options() -> None:
    wanted = desire(automount=True, automount_idle=60, boot=False)
    assert {"x-systemd.automount", "x-systemd.idle-timeout=60s", "noauto"} <= set(wanted.options)
    assert desire(opts="x-systemd.automount").automount


def test_what_others_wait_for_is_tried_until_the_server_answers() -> None:
    waiting = {"retry=10000", "x-systemd.mount-timeout=infinity"}
    assert waiting <= set(desire(required_by=["docker.service"]).options)
    assert "x-systemd.mount-timeout=90s" not in desire(required_by=["docker.service"]).options
    assert not waiting & set(desire(required_by=[]).options)
    own = desire(required_by=["docker.service"], opts="retry=1,x-systemd.mount-timeout=5s").options
    assert {"retry=1", "x-systemd.mount-timeout=5s"} <= set(own)
    assert not waiting & set(own)


def test_a_share_with_a_password_names_a_file_and_nothing_more() -> None:
    wanted = desire(fstype="cifs", src="//server/share", username="u", password="hunter2")
    assert "credentials=/etc/holdfast/credentials/mnt-a" in wanted.options
    assert "hunter2" not in repr(wanted)
    assert "hunter2" not in wanted.entry.opts
    ceph = desire(fstype="ceph", src="mon:/", username="u", password="hunter2")
    assert {"name=u", "secretfile=/etc/holdfast/credentials/mnt-a"} <= set(ceph.options)


def test_half_a_login_is_refused() -> None:
    with pytest.raises(Problem, match="go together"):
        desire(fstype="cifs", src="//server/share", username="u")


def test_states_without_a_source() -> None:
    for state in ("absent", "unmounted"):
        assert desire(src=None, state=state).kind is None
        assert desire(src="nonsense", fstype="ext4", state=state).kind is None
    assert desire(src=None, state="remounted").kind is None


def test_old_forms_of_sources() -> None:
    wanted = desire(src="sshfs#u@h:/x")
    assert (wanted.src, wanted.entry.fstype) == ("u@h:/x", "fuse.sshfs")
    assert desire(src="remote:x", fstype="rclone").entry.fstype == "rclone"


def test_the_hosts_own_fstab_by_its_name_is_no_other() -> None:
    assert desire(fstab="/etc/fstab").by_systemd
    assert desire(fstab="/srv/root/etc/fstab").fstab == Path("/srv/root/etc/fstab")


def test_values_of_hidden_options_are_crossed_out_everywhere() -> None:
    hidden = {"opts": "ro,key=hunter2,a=1", "opts_no_log": True}
    assert _desire.hidden_values(hidden) == {"hunter2", "ro,key=hunter2,a=1"}
    assert _desire.hidden_values({**hidden, "opts": ["ro", "key=hunter2"]}) == {"hunter2"}
    assert _desire.hidden_values({**hidden, "opts_no_log": False}) == set()
