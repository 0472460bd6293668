#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_export
short_description: Manage what an NFS server exports
version_added: 0.1.0
description:
  - Writes one file an export into C(/etc/exports.d) and has the kernel's NFS server take it over. Files and lines of
    others are left alone.
  - What is to be exported is rehearsed first with C(exportfs) itself, in check mode too. Options that this host's
    C(exportfs) does not know, hosts that do not resolve and file systems that cannot be exported are refused while
    nothing has changed.
  - Exports get C(ro,sync,secure,root_squash,no_subtree_check), where the task does not say otherwise, and an C(fsid)
    that stays the same.
  - A directory that is the mount point of a disk is exported only while the disk is mounted.
  - Ending an export leaves the directory and all that it holds.
author:
  - The holdfast.persistence contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
    details:
      - A missing directory, mount point or prerequisite of Kerberos or TLS is a warning in check mode, since an earlier
        task may bring it.
      - The rehearsal has the kernel forget what it asked about exports. It asks again when a client comes.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - C(exportfs) 1.3.4 or newer (Debian's C(nfs-kernel-server))
  - the right to make a mount namespace (C(CAP_SYS_ADMIN))
options:
  path:
    description:
      - The absolute path of the directory, without C(.), C(..), symbolic links, and without C(/) at its end.
      - Exactly one of O(path) and O(exports) is needed.
    type: str
  clients: &clients
    description:
      - Who may mount it, and how. Needed with O(state=present).
    type: list
    elements: dict
    suboptions:
      host:
        description:
          - A host by name or address, a network such as V(192.0.2.0/24), a pattern such as V(*.example.com), or a
            netgroup such as V(@web).
          - What stands for every host, such as V(*) or V(0.0.0.0/0), needs V(any_host) in C(accept).
        type: str
        required: true
      options:
        description:
          - Options of exports(5), as a list or with commas between. Unknown ones and those that contradict each other
            are refused. Their order makes no difference.
          - V(fsid) and V(mountpoint) are options of the export.
          - V(sec=krb5), V(sec=krb5i) and V(sec=krb5p) need a keytab and C(rpc.svcgssd) or C(gssproxy) on the server.
          - V(xprtsec=tls) and V(xprtsec=mtls) need Linux 6.5, nfs-utils 2.6.3, and C(tlshd) with a certificate. Without
            them a server takes plain text too.
        type: list
        elements: str
        default: []
      accept:
        description:
          - The explicit words for what is refused without them.
          - V(any_host) for clients that stand for every host.
          - V(no_root_squash) for the option of that name, and for C(anonuid=0) and C(anongid=0). Root on the client is
            root on the server's data then.
          - V(insecure) for the option of that name. Any user of the client can then speak to the server as anyone.
          - V(async) for the option of that name. What clients believe to be on disk is lost when the server dies.
        type: list
        elements: str
        choices: [any_host, async, insecure, no_root_squash]
        default: []
  mountpoint: &mountpoint
    description:
      - Where something has to be mounted, the path itself or a directory above it. Else nothing is exported, and the
        task fails.
      - Without it, the path itself is taken if something is mounted there, or was when the export was made.
    type: str
  fsid: &fsid
    description:
      - What clients know the export by, as a UUID, a number, or V(root) for the root of NFS 4. A change makes all
        handles that clients hold stale.
      - Without it, it is derived from the path, so a replica of the server gives its clients the same.
    type: str
  owner: &owner
    description:
      - Owner of the directory, by a name of this host or by number.
      - With one of O(owner), O(group) and O(mode) a directory that is missing is made, those above it as root's with
        mode C(0755). An empty one is given what is declared. One that holds data and differs is refused.
      - Only the directory itself is meant, never what lies in it.
    type: str
  group: &group
    description:
      - Group of the directory, by a name of this host or by number.
    type: str
  mode: &mode
    description:
      - Mode of the directory as three or four octal digits, in quotes.
      - A new directory gets C(0750) without it.
    type: raw
  state: &state
    description:
      - V(present) makes sure that it is exported.
      - V(absent) ends the export. The directory stays, with all that it holds.
    type: str
    choices: [present, absent]
    default: present
  exports:
    description:
      - A list of exports, for which C(exportfs) runs once. When one of them cannot be brought about, the others are,
        and the module fails at the end.
    type: list
    elements: dict
    suboptions:
      path:
        description: The absolute path of the directory.
        type: str
        required: true
      clients: *clients
      mountpoint: *mountpoint
      fsid: *fsid
      owner: *owner
      group: *group
      mode: *mode
      state: *state
notes:
  - An export that a line of somebody else makes is refused, with file and line. So is C(exportfs) at all when it would
    end exports of others that are live, since their file is broken or they were made by hand.
seealso:
  - module: holdfast.persistence.nfs_mount
  - module: holdfast.persistence.bind_directory
"""

EXAMPLES = r"""
- name: Export a directory to two application hosts, and make it
  holdfast.persistence.nfs_export:
    path: /srv/uploads
    clients:
      - host: 192.0.2.11
        options: rw
      - host: 192.0.2.12
        options: rw
    owner: "1000"
    group: "1000"
    mode: "0770"

- name: Several exports in one call
  holdfast.persistence.nfs_export:
    exports:
      - path: /srv/uploads
        clients:
          - host: 192.0.2.0/24
            options: [rw, all_squash, anonuid=1000, anongid=1000]
      - path: /srv/media
        clients:
          - host: 192.0.2.0/24
        mode: "0755"

- name: Trust the root of a backup server, which takes the explicit word
  holdfast.persistence.nfs_export:
    path: /srv/media
    clients:
      - host: 192.0.2.0/24
      - host: 192.0.2.30
        options: [ro, no_root_squash]
        accept: [no_root_squash]

- name: End the exports, and leave the directories
  holdfast.persistence.nfs_export:
    exports:
      - path: /srv/uploads
        state: absent
      - path: /srv/media
        state: absent
"""

RETURN = r"""
export:
  description: The export. Null when it is absent.
  returned: with O(path), unless it failed
  type: dict
  contains: &export
    path:
      description: The directory.
      type: str
      returned: always
      sample: /srv/uploads
    clients:
      description: Who may mount it, with all options that the file holds, V(fsid) and V(mountpoint) among them.
      type: list
      elements: dict
      returned: always
      sample:
        - host: 192.0.2.11
          options: [rw, sync, secure, root_squash, no_subtree_check, fsid=6f2a2a1c-6f44-5b62-8b60-7f1d2b6f0c11]
    file:
      description: The file that holds it.
      type: str
      returned: always
      sample: /etc/exports.d/holdfast-srv-uploads.exports
    live:
      description: Whether a running server has taken it over as the file says.
      type: bool
      returned: always
      sample: true
    uid:
      description: The number of the directory's owner.
      type: int
      returned: always
      sample: 1000
    gid:
      description: The number of the directory's group.
      type: int
      returned: always
      sample: 1000
    mode:
      description: The directory's mode.
      type: str
      returned: always
      sample: "0770"
exports:
  description: The exports that are there, in the order of the task, without those that failed.
  returned: always, unless nothing could be looked at
  type: list
  elements: dict
  contains: *export
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample: ["have the server take over the exports (exportfs -r)"]
errors:
  description: The exports that failed.
  returned: when one failed
  type: list
  elements: dict
  contains:
    path:
      description: The export's path.
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
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._declared import OPTIONS
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._resource import Exports


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(Exports, OPTIONS), **constraints(Exports))
    run(module, Exports(module))


if __name__ == "__main__":
    main()
