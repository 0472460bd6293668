#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_mount_info
short_description: Tell what network file systems are mounted or configured, and whether their servers answer
version_added: 0.1.0
description:
  - Tells of every mount of a network file system, in C(/etc/fstab), in units of systemd and in the kernel, and where
    these three disagree.
  - Asks every server at the same time whether it answers, and waits for none of them longer than O(timeout).
author:
  - The holdfast.persistence contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.persistence.attributes
  - holdfast.persistence.attributes.info
options:
  path:
    description:
      - A mount point.
      - At most one of O(path) and O(paths) is allowed. Without both, all mounts are told of.
    type: str
    aliases: [name]
  paths:
    description: Several mount points.
    type: list
    elements: str
  holders:
    description: Whether to look for the processes that keep the mounts busy.
    type: bool
    default: false
  timeout:
    description: How many seconds the servers have for their answers, all together.
    type: int
    default: 10
seealso:
  - module: holdfast.persistence.nfs_mount
"""

EXAMPLES = r"""
- name: Look at all network mounts
  holdfast.persistence.nfs_mount_info:
  register: network

- name: Refuse to go on while a server is gone or a mount is not what is configured
  ansible.builtin.assert:
    that:
      - network.mounts | rejectattr('health', 'in', [none, 'responsive']) | length == 0
      - network.mounts | selectattr('differences') | length == 0

- name: Look at one, with those who use it
  holdfast.persistence.nfs_mount_info:
    path: /mnt/uploads
    holders: true
"""

RETURN = r"""
mounts:
  description: The mounts, sorted by mount point.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The mount point.
      type: str
      returned: always
      sample: /mnt/uploads
    src:
      description: What is configured to be mounted there, else what is mounted.
      type: str
      returned: always
      sample: storage:/srv/uploads
    fstype:
      description: Its type, in the same way.
      type: str
      returned: always
      sample: nfs
    opts:
      description: The options as they are configured, passwords hidden.
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
    live:
      description: Source, type and options as the kernel shows them. Null when it is not mounted.
      type: dict
      returned: always
      sample: {"src": "storage:/srv/uploads", "fstype": "nfs4", "opts": ["hard", "rw", "vers=4.2"]}
    health:
      description:
        - V(responsive) when the server answered in time, V(unresponsive) when it did not, V(stale) when it answered
          that it no longer has what was mounted.
        - Null when it is not mounted.
      type: str
      returned: always
      sample: responsive
    size:
      description: Bytes of the file system. Null when it is not mounted or does not answer.
      type: int
      returned: always
      sample: 107374182400
    free:
      description: Bytes that users may still fill, in the same way.
      type: int
      returned: always
      sample: 53687091200
    required_by:
      description: The units that M(holdfast.persistence.nfs_mount) lets wait for it.
      type: list
      elements: str
      returned: always
      sample: [docker.service]
    differences:
      description: Where configuration, systemd and the kernel disagree, as clauses.
      type: list
      elements: str
      returned: always
      sample: ["it is configured and not mounted"]
    holders:
      description: The processes that have something open there.
      type: list
      elements: dict
      returned: with O(holders=true)
      sample: [{"pid": 812, "command": "postgres", "how": "cwd"}]
absent:
  description: Those of O(path) or O(paths) where no network file system is mounted or configured.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _info
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._fstab import normalised
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "aliases": ["name"]},
            "paths": {"type": "list", "elements": "str"},
            "holders": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 10},
        },
        mutually_exclusive=[("path", "paths")],
        supports_check_mode=True,
    )
    named = module.params["paths"] if module.params["path"] is None else [module.params["path"]]
    paths = None if named is None else [normalised(path) for path in named]
    try:
        mounts = _info.mounts(paths, module.params["timeout"], module.params["holders"])
    except (OSError, Problem) as error:
        module.fail_json(msg=f"mounts: could not look at the host: {error}. Mend what the system says, and run again.")
        return
    there = {mount["path"] for mount in mounts}
    module.exit_json(changed=False, mounts=mounts, absent=[path for path in paths or () if path not in there])


if __name__ == "__main__":
    main()
