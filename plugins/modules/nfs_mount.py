#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_mount
short_description: Mount NFS and other network file systems, and keep them mounted
version_added: 0.1.0
description:
  - Mounts what comes over a network and writes it to C(/etc/fstab) or to units of systemd, with options that are right
    for what it is used for.
  - Compares three layers, namely what is configured, what systemd has read of that, and what the kernel has mounted.
    Options are compared by what they mean.
  - Mounts first and writes afterwards, so that a server that does not answer, or does not export the path, leaves no
    trace. Unmounts first and removes the configuration afterwards, for the same reason.
  - Never waits for a server longer than O(timeout). A mount whose server does not answer is an error, and never "ok".
  - Changes C(/etc/fstab) under a lock, in one step and durably. The lines of others stay as they are, byte for byte.
author:
  - The holdfast.persistence contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
    details:
      - A helper that is not installed, and a server that cannot be resolved, are warnings in check mode, as an earlier
        task may bring them. The real run refuses.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=remounted) remounts each time. Everything else changes nothing the second time.
options:
  path:
    description:
      - The mount point, as an absolute path without C(..) and symbolic links. It is created when it is missing.
      - Exactly one of O(path) and O(mounts) is needed.
    type: str
    aliases: [name]
  src: &src
    description:
      - What to mount, such as V(server:/path), V(//server/share) for C(cifs), V(user@server:/path) for C(fuse.sshfs).
      - Needed by V(mounted), V(present) and V(ephemeral) of O(state). V(absent) and V(unmounted) take no notice of it.
    type: str
  fstype: &fstype
    description:
      - One of V(nfs), V(nfs4), V(efs), V(aznfs), V(cifs), V(glusterfs), V(ceph), V(fuse.sshfs) and V(fuse.rclone).
      - Without it, the type that O(preset) recommends when its helper is installed, else V(nfs).
    type: str
  opts: &opts
    description:
      - Mount options as a string or a list. They win over those of O(preset) wherever both say something about one
        thing, and V(fail) takes V(nofail) away.
      - Options that contradict each other or the preset are refused, and so are passwords.
    type: raw
  opts_no_log: &opts_no_log
    description: Whether to leave the options out of the result, the diff and all messages.
    type: bool
    default: false
  preset: &preset
    description:
      - A set of options. V(default) is for files that are shared, V(database) for what must never lose a lock or a
        write, V(efs), V(filestore) and V(azure_files) for the shares of clouds.
      - With another O(fstype) than NFS, V(default) stands for what suits that type.
    type: str
    choices: [default, database, efs, filestore, azure_files]
    default: default
  backend: &backend
    description:
      - Where the mount is configured, in C(/etc/fstab) or in a unit of its own in C(/etc/systemd/system).
      - A mount that the other one configures is refused, since the unit would silently win.
    type: str
    choices: [fstab, systemd]
    default: fstab
  automount: &automount
    description:
      - Whether systemd mounts it only when somebody looks there. The server is tried out once when this is set up.
      - Refused with O(preset=database).
    type: bool
    default: false
  automount_idle: &automount_idle
    description: After how many seconds without use a mount on demand is unmounted. Without it, and with V(0), never.
    type: int
  owner: &owner
    description:
      - Owner of the directory beneath, by name or number. Set only while nothing is mounted there.
      - The share itself is never changed, so these are no part of what is compared while it is mounted.
    type: str
  group: &group
    description: Group of the directory beneath, in the same way.
    type: str
  mode: &mode
    description: Mode of the directory beneath as three or four octal digits, in quotes, in the same way.
    type: raw
  require_empty: &require_empty
    description: Whether to refuse a mount point that holds something, which the mount would hide.
    type: bool
    default: true
  required_by: &required_by
    description:
      - Units that must not start without the mount, such as V(docker.service). Each gets a drop-in with
        C(RequiresMountsFor=), so that nothing is ever written to the empty directory beneath.
      - Units of an earlier list that are not in this one no longer wait. Without it, nothing is changed.
    type: list
    elements: str
  remount: &remount
    description:
      - Whether a change that needs the share to be unmounted and mounted again may do that. The error, or the plan in
        check mode, says what needs it.
      - The new options are tried in another directory before. When somebody has files open there, the error names the
        processes, and nothing is changed.
    type: str
    choices: [refused, allowed]
    default: refused
  lazy: &lazy
    description:
      - Whether V(unmounted) and V(absent) take the mount out of sight although it is in use or its server is gone.
        Whoever has files open there keeps them, and writes may be lost.
    type: bool
    default: false
  username: &username
    description:
      - Who asks for the share, with O(fstype=cifs) and O(fstype=ceph). Needs O(password).
      - Both are written to a file below C(/etc/holdfast/credentials) that only root can read.
    type: str
  password: &password
    description: The password, or the secret of C(ceph). It is in no fstab, unit, process list, diff or result.
    type: str
  domain: &domain
    description: The domain of O(username), with O(fstype=cifs).
    type: str
  boot: &boot
    description: Whether the boot mounts it. V(false) adds C(noauto).
    type: bool
    default: true
  dump: &dump
    description: The fifth field in fstab.
    type: str
    default: "0"
  passno: &passno
    description: The sixth field in fstab. Network file systems are not checked at boot.
    type: str
    default: "0"
  fstab: &fstab
    description: Another file than C(/etc/fstab), such as that of another root directory. systemd knows nothing of it.
    type: str
  backup: &backup
    description: Whether to keep a copy of fstab, with the time in its name, when it is changed.
    type: bool
    default: false
  state: &state
    description:
      - V(mounted) means mounted and configured. With O(automount), that systemd waits to mount it.
      - V(present) means configured, whether mounted or not.
      - V(ephemeral) means mounted and configured nowhere. What is mounted as declared is left alone.
      - V(unmounted) means not mounted, whatever is configured.
      - V(absent) means neither mounted nor configured. Units of O(required_by) no longer wait, credentials are removed,
        the directory stays.
      - V(remounted) remounts what is mounted in place, or by unmounting it with O(remount=allowed).
    type: str
    choices: [mounted, present, unmounted, absent, remounted, ephemeral]
    default: mounted
  timeout:
    description:
      - How many seconds the whole call may take. It returns at most five seconds later, whatever the server does.
      - A mounted share has ten seconds of it to answer, and at most half of it.
    type: int
    default: 90
  mounts:
    description:
      - A list of mounts. When one of them cannot be brought about, the others are, and the module fails at the end.
      - systemd reads its units at most once for all of them.
    type: list
    elements: dict
    suboptions:
      path:
        description: The mount point.
        type: str
        required: true
        aliases: [name]
      src: *src
      fstype: *fstype
      opts: *opts
      opts_no_log: *opts_no_log
      preset: *preset
      backend: *backend
      automount: *automount
      automount_idle: *automount_idle
      owner: *owner
      group: *group
      mode: *mode
      require_empty: *require_empty
      required_by: *required_by
      remount: *remount
      lazy: *lazy
      username: *username
      password: *password
      domain: *domain
      boot: *boot
      dump: *dump
      passno: *passno
      fstab: *fstab
      backup: *backup
      state: *state
notes:
  - Options and states are those of M(ansible.posix.mount). What differs is that V(absent) keeps the directory,
    V(ephemeral) changes nothing when nothing is to be changed, and V(mounted) refuses to cover another mount.
  - Needs systemd, and the helper of the type, such as C(nfs-common).
seealso:
  - module: holdfast.persistence.nfs_mount_info
  - module: ansible.posix.mount
    description: For what lies on the host itself.
"""

EXAMPLES = r"""
- name: Uploads that two hosts share, without which the service does not start
  holdfast.persistence.nfs_mount:
    path: /mnt/uploads
    src: storage:/srv/uploads
    required_by: [docker.service]

- name: Several at once, one for a database and one on demand
  holdfast.persistence.nfs_mount:
    mounts:
      - path: /mnt/pgdata
        src: storage:/srv/pgdata
        preset: database
      - path: /mnt/backup
        src: storage:/srv/backup
        automount: true
        automount_idle: 300
        opts: [ro, nfsvers=4.1]

- name: Another version of NFS, which needs the share to be unmounted for a moment
  holdfast.persistence.nfs_mount:
    path: /mnt/uploads
    src: storage:/srv/uploads
    opts: nfsvers=4.1
    remount: allowed

- name: As a unit of systemd
  holdfast.persistence.nfs_mount:
    path: /mnt/media
    src: "192.0.2.10:/srv/media"
    backend: systemd

- name: A share of Windows or Samba, whose password only root can read
  holdfast.persistence.nfs_mount:
    path: /mnt/office
    src: //files/office
    fstype: cifs
    username: app
    password: "{{ office_password }}"

- name: Unmounted and forgotten
  holdfast.persistence.nfs_mount:
    path: /mnt/uploads
    state: absent
"""

RETURN = r"""
mount:
  description: The mount. Null when it is neither configured nor mounted.
  returned: with O(path), unless it failed
  type: dict
  contains: &mount
    path:
      description: The mount point.
      type: str
      returned: always
      sample: /mnt/uploads
    src:
      description: What is mounted there, as it is configured.
      type: str
      returned: always
      sample: storage:/srv/uploads
    fstype:
      description: Its type.
      type: str
      returned: always
      sample: nfs
    opts:
      description: All options, with those of the preset. One word instead with O(opts_no_log).
      type: list
      elements: str
      returned: always
      sample: [rw, hard, nfsvers=4.2, _netdev, nofail]
    configured:
      description: Where it is configured, V(fstab) or V(systemd), else null.
      type: str
      returned: always
      sample: fstab
    automount:
      description: Whether systemd waits to mount it on demand.
      type: bool
      returned: always
      sample: false
    mounted:
      description: Whether it is mounted.
      type: bool
      returned: always
      sample: true
    health:
      description: V(responsive), V(unresponsive) or V(stale). Null when nobody asked.
      type: str
      returned: always
      sample: responsive
    required_by:
      description: The units that do not start without it.
      type: list
      elements: str
      returned: always
      sample: [docker.service]
mounts:
  description: The mounts that are there, in the order of the task, without those that failed.
  returned: always, unless nothing could be looked at
  type: list
  elements: dict
  contains: *mount
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample: ["mount storage:/srv/uploads at /mnt/uploads", "write the line of /mnt/uploads to /etc/fstab"]
errors:
  description: The mounts that failed.
  returned: when one failed
  type: list
  elements: dict
  contains:
    path:
      description: The mount point.
      type: str
      returned: always
    msg:
      description: Why it failed and what can be done.
      type: str
      returned: always
    done:
      description: What of its actions was done before it failed.
      type: list
      elements: str
      returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import argument_spec, constraints, run
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._desire import OPTIONS, hidden_values
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._resource import NetworkMounts


def main() -> None:
    spec = argument_spec(NetworkMounts, OPTIONS, {"timeout": {"type": "int", "default": 90}})
    for form in (spec, spec["mounts"]["options"]):
        form["path"] = {**form["path"], "aliases": ["name"]}
    module = AnsibleModule(argument_spec=spec, **constraints(NetworkMounts))
    for item in module.params["mounts"] or [module.params]:
        module.no_log_values.update(hidden_values(item))
    run(module, NetworkMounts(module))


if __name__ == "__main__":
    main()
