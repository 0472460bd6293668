#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
short_description: Bring volumes and paths back from a backup
version_added: 0.1.0
author:
  - The holdfast.persistence contributors (@holdfast)
description:
  - Restores what a backup job saved, into the volumes and paths of this host, with owners, modes, links and extended
    attributes, those of the topmost directory included.
  - Nothing that is there is overwritten. Everything is first restored into a staging directory in the file system of
    its target, compared with the snapshot, written to the disk, and only then renamed into place.
  - A restore that was killed, at any point, is finished or cleaned up by the next one of the same job. At each moment
    there is one complete copy of the previous content.
  - The snapshot says itself which of its paths was which volume, so it can be restored on a host whose Docker keeps its
    data elsewhere.
  - A target that a running container uses, that the job's backup is working on, or whose container a backup has
    stopped, is refused, at the beginning and again before anything is put in place.
  - A snapshot that is only partial, since something could not be read, is taken only when its id is named.
  - Docker volumes must exist, with their driver and options, before data is restored into them.
    See M(holdfast.persistence.volume).
extends_documentation_fragment:
  - holdfast.persistence.attributes
  - holdfast.persistence.data_loss
attributes:
  check_mode:
    support: full
    details:
      - The snapshots are read in check mode as well, and restic may fill its cache on the host.
      - A volume that does not exist yet is a warning then and not an error, since a task before this one may have been
        about to create it.
      - A job, its repository or restic that is not on the host yet is a warning then too. The one action of such a
        restore says what it waits for, and RV(restore.snapshot) is V(null).
      - The name under which O(mode=replace) keeps the previous content holds the time, so a later run chooses another.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(mode=if_empty) and O(mode=new). O(mode=replace) restores whenever it is run.
      - With O(mode=new), a path given as O(target) that holds data already is an error.
options:
  job:
    description:
      - The backup job, as M(holdfast.persistence.backup_timer) wrote it on this host.
    type: str
  snapshot: &snapshot
    description:
      - Which snapshot, V(latest), or the beginning of an id (at least 4 digits), or a time such as
        V(2026-01-01T02:00Z), which means the latest at or before it. A time without a zone is UTC.
    type: str
    default: latest
  from_host: &from_host
    description:
      - Whose snapshots. This is the host name that the job writes into them.
      - If not set, it is the one of the job on this host.
    type: str
  mode: &mode
    description:
      - V(if_empty) restores what is missing or empty, and leaves alone what holds data.
      - V(new) restores beside what is there, into a new plain volume or a new directory.
      - V(replace) restores in place of what is there, and keeps that beside it. See O(data_loss). It is refused where
        it would move a repository of this host or holdfast's own folders. What the job excludes goes with the previous
        content.
    type: str
    default: if_empty
    choices: [if_empty, new, replace]
  volume: &volume
    description:
      - Only this volume, by the name that it has in the snapshot.
      - If neither O(volume) nor O(path) is set, everything in the snapshot is restored.
    type: str
  path: &path
    description:
      - Only this path of the job.
    type: path
  target: &target
    description:
      - With O(mode=new), the name of the new volume, or the new path.
      - If not set, it is the old one followed by C(.restored-) and the short id of the snapshot.
    type: str
  verify: &verify
    description:
      - Read back what was written, and compare it with the repository.
      - Also compare it with the content manifest of the snapshot, when there is one, and name the entries that differ.
      - Names, numbers and sizes of the files are compared in any case.
    type: bool
    default: true
  data_loss:
    description:
      - What to do with the previous content in O(mode=replace).
      - V(refuse) keeps it, and names where in C(kept) of the result.
      - V(allow) removes it, once the restored content is in place and checked.
  restores:
    description:
      - A list of restores with the options above, of different jobs.
      - Of restores that share a target the first fills it. Name the job of an outer path before that of one inside it.
    type: list
    elements: dict
    suboptions:
      job:
        description: The backup job.
        type: str
        required: true
      snapshot: *snapshot
      from_host: *from_host
      mode: *mode
      volume: *volume
      path: *path
      target: *target
      verify: *verify
requirements:
  - root, since owners can only be restored by root
  - restic 0.14 or newer
notes:
  - Running containers that use a target are an error. They are named, and are not stopped.
  - The previous content of a volume is kept in its own folder, and goes with it when the volume is removed.
seealso:
  - module: holdfast.persistence.backup_timer
  - module: holdfast.persistence.backup_run
  - module: holdfast.persistence.volume
"""

EXAMPLES = r"""
- name: Bring back everything that is missing or empty
  holdfast.persistence.backup_restore:
    job: nightly

- name: Look at the data of last night beside today's
  holdfast.persistence.backup_restore:
    job: nightly
    volume: pgdata
    mode: new
    target: pgdata-of-last-night

- name: Put a directory back to how it was, and keep what is there now
  holdfast.persistence.backup_restore:
    job: nightly
    path: /srv/app
    mode: replace
  register: back

- name: Say where the previous content is
  ansible.builtin.debug:
    msg: "Kept at {{ back.restore.restored[0].kept }}"
"""

RETURN = r"""
restore:
  description: What came of the restore. In check mode, what would come of it.
  returned: with O(job)
  type: dict
  contains:
    job:
      description: The job.
      type: str
    snapshot:
      description: The id of the chosen snapshot. V(null) in check mode before the job is there.
      type: str
    time:
      description: When it was made, ISO 8601 in UTC. V(null) in check mode before the job is there.
      type: str
    restored:
      description: What was restored, one entry for each volume and path.
      type: list
      elements: dict
      contains:
        kind:
          description: V(volume) or V(path).
          type: str
        name:
          description: Its name or path in the snapshot.
          type: str
        target:
          description: The directory or file on this host.
          type: str
        snapshot:
          description: The id of the snapshot that it came from.
          type: str
        time:
          description: When that was made, ISO 8601 in UTC.
          type: str
        files:
          description: How many regular files it holds.
          type: int
        bytes:
          description: The sum of their sizes.
          type: int
        kept:
          description: Where the previous content is kept; null when there was none, or when it was removed.
          type: str
    left:
      description: What was left as it is.
      type: list
      elements: dict
      contains:
        kind:
          description: V(volume) or V(path).
          type: str
        name:
          description: Its name or path in the snapshot.
          type: str
        target:
          description: The directory or file on this host.
          type: str
        reason:
          description: Why, such as V(holds data).
          type: str
  sample:
    job: nightly
    snapshot: 1a2b3c4d5e6f70819a2b3c4d5e6f70819a2b3c4d5e6f70819a2b3c4d5e6f7081
    time: "2026-01-01T02:00:00Z"
    restored:
      - kind: volume
        name: pgdata
        target: /var/lib/docker/volumes/pgdata/_data
        snapshot: 1a2b3c4d5e6f70819a2b3c4d5e6f70819a2b3c4d5e6f70819a2b3c4d5e6f7081
        time: "2026-01-01T02:00:00Z"
        files: 1204
        bytes: 3328599654
        kept: null
    left:
      - kind: path
        name: /srv/app
        target: /srv/app
        reason: holds data
restores:
  description: The same for every restore.
  returned: always
  type: list
  elements: dict
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample:
    - >-
      restore volume pgdata from snapshot 1a2b3c4d (2026-01-01 02:00 UTC, 1,204 files, 3.1 GiB) into
      /var/lib/docker/volumes/pgdata/_data
errors:
  description: The restores that failed, with what was done for them all the same.
  returned: on failure
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._pipeline import argument_spec, constraints, run
from ..module_utils.backups._restoration import OPTIONS, Restores


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(
            Restores, OPTIONS, {"data_loss": {"type": "str", "default": "refuse", "choices": ["refuse", "allow"]}}
        ),
        **constraints(Restores),
    )
    run(module, Restores(module.params["data_loss"], module.check_mode))


if __name__ == "__main__":
    main()
