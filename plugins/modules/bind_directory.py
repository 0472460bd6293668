#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bind_directory
short_description: Manage the directories of a host that containers bind
version_added: 0.1.0
description:
  - Makes directories with the owner, mode and access control list that containers need, in the file system where they
    belong.
  - Refuses paths that belong to the system, to Docker, or that do not survive a boot, unless O(sensitive=true) says
    that containers must have them.
  - Refuses to make anything where O(file_system) is not mounted. Else the data would fill the root disk, and vanish
    under the mount as soon as it is there.
  - Follows no symbolic link, in no part of the path, so that whoever may write there cannot lead it elsewhere.
  - What is not declared is not managed, and what lies in a directory is left alone.
  - Directories on the way are made as root's, with mode C(0755).
author:
  - The holdfast.persistence contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.persistence.data_loss
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
    details:
      - While nothing is mounted at O(file_system), check mode warns and predicts for an empty file system there, since
        an earlier task may bring it.
      - A user or group that does not exist yet is an error in check mode too. Give its number instead.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  path:
    description:
      - The absolute path of the directory, without C(.), C(..), symbolic links, and without C(/) at its end.
      - Exactly one of O(path) and O(directories) is needed.
    type: str
  owner: &owner
    description:
      - Owner, by a name of this host or by number. A number needs no account.
      - With C(userns-remap), a container sees the host's number less the daemon's first one.
      - Without it, a new directory is root's, and an existing one keeps its owner.
    type: str
  group: &group
    description:
      - Group, by a name of this host or by number.
      - Without it, a new directory gets group root, and an existing one keeps its group.
    type: str
  mode: &mode
    description:
      - Mode as three or four octal digits, in quotes. Changes such as V(u+rwx) are refused.
      - With O(acl), the group's digit is what the owning group may. What C(ls) shows in its place is the list's mask.
      - Without it, a new directory gets C(0750), and an existing one keeps its mode.
    type: raw
  acl: &acl
    description:
      - The POSIX access control list beyond the mode, as entries that C(setfacl) takes, such as V(user:5432:rwx) or
        V(default:group:backup:r-x).
      - It is compared as a set with what the directory has. V([]) means none, without it the list is not managed.
      - A mask is computed as C(setfacl) does it, unless there is an entry for it. The default list takes from O(mode)
        what it does not say itself.
      - Needs a file system that keeps such lists, which NFS 4 does not. Needs no program on the host.
    type: list
    elements: str
  selinux_type: &selinux_type
    description:
      - SELinux type of the directory itself, such as V(container_file_t). Files that are made in it later inherit it.
      - C(restorecon) takes it away again, unless C(semanage fcontext) has made it known to the policy.
      - An error on a host where SELinux does not run.
    type: str
  file_system: &file_system
    description:
      - The mount point in whose file system the directory has to lie. V(/) means the root file system.
      - An error when nothing is mounted there, and when another mount lies in between.
    type: str
  minimum_free: &minimum_free
    description:
      - How much has to be free in the file system, in decimal (V(5GB)) or binary units (V(5GiB)). It is checked in
        every call.
    type: str
  sensitive: &sensitive
    description:
      - The explicit word for a path that belongs to the system or to Docker, such as V(/), V(/etc), V(/root) and what
        lies beneath V(/usr) or V(/var/lib/docker), that a boot empties, such as V(/run), or that holds people's keys.
        Without it such paths are refused.
    type: bool
    default: false
  state: &state
    description:
      - V(present) makes sure that the directory is there.
      - V(absent) removes it with all that it holds, which needs O(data_loss=allow) unless it is empty. A mount point,
        what holds one, and what a running container has bound, is never removed.
    type: str
    choices: [present, absent]
    default: present
  directories:
    description:
      - A list of directories. When one of them cannot be brought about, the others are, and the module fails at the
        end.
    type: list
    elements: dict
    suboptions:
      path:
        description: The absolute path of the directory.
        type: str
        required: true
      owner: *owner
      group: *group
      mode: *mode
      acl: *acl
      selinux_type: *selinux_type
      file_system: *file_system
      minimum_free: *minimum_free
      sensitive: *sensitive
      state: *state
seealso:
  - module: holdfast.persistence.volume
    description: Its options O(holdfast.persistence.volume#module:owner) and
      O(holdfast.persistence.volume#module:directories) do the same within a volume.
  - module: ansible.builtin.file
"""

EXAMPLES = r"""
- name: A directory for exports
  holdfast.persistence.bind_directory:
    path: /srv/exports
    owner: "5432"
    group: "5432"
    mode: "0750"

- name: Several directories, one of them readable for the web server too
  holdfast.persistence.bind_directory:
    directories:
      - path: /srv/uploads
        owner: "1000"
        group: "1000"
        mode: "0750"
        acl:
          - user:33:r-x
          - default:user:33:r-x
      - path: /srv/uploads/incoming
        owner: "1000"
        mode: "1770"

- name: Only on the data disk, and only with room on it
  holdfast.persistence.bind_directory:
    path: /mnt/data/media
    file_system: /mnt/data
    minimum_free: 10MB

- name: A directory of the system that a monitoring container has to read
  holdfast.persistence.bind_directory:
    path: /var/log
    sensitive: true

- name: Remove a directory, unless it holds data
  holdfast.persistence.bind_directory:
    path: /srv/exports
    state: absent

- name: Remove a directory with all that it holds
  holdfast.persistence.bind_directory:
    path: /srv/uploads
    state: absent
    data_loss: allow
"""

RETURN = r"""
directory:
  description: The directory. Null when it is absent.
  returned: with O(path), unless it failed
  type: dict
  contains: &directory
    path:
      description: Its path.
      type: str
      returned: always
      sample: /srv/exports
    uid:
      description: The number of its owner.
      type: int
      returned: always
      sample: 5432
    gid:
      description: The number of its group.
      type: int
      returned: always
      sample: 5432
    mode:
      description: Its mode. With O(acl), the group's digit is what the owning group may, and not the list's mask.
      type: str
      returned: always
      sample: "0750"
    acl:
      description: The entries of its access control lists beyond its mode.
      type: list
      elements: str
      returned: always
      sample: ["user:33:r-x", "mask::r-x"]
    selinux_type:
      description: Its SELinux type. Null where SELinux does not run, and in check mode where nobody knows yet.
      type: str
      returned: always
      sample: container_file_t
    file_system:
      description: The mount point in whose file system it lies.
      type: str
      returned: always
      sample: /srv
directories:
  description: The directories that are there, in the order of the task, without those that failed.
  returned: always, unless nothing could be looked at
  type: list
  elements: dict
  contains: *directory
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample: ["create directory /srv/exports with owner 5432, group 5432, mode 0750"]
errors:
  description: The directories that failed.
  returned: when one failed
  type: list
  elements: dict
  contains:
    path:
      description: The directory's path.
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
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._bind_directory import OPTIONS
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._resource import BindDirectories


def main() -> None:
    data_loss = {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"}
    spec = argument_spec(BindDirectories, OPTIONS, {"data_loss": data_loss})
    module = AnsibleModule(argument_spec=spec, **constraints(BindDirectories))
    run(module, BindDirectories(module))


if __name__ == "__main__":
    main()
