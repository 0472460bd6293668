#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume_info
short_description: Tell what Docker volumes there are, who uses them, and which data lies outside of them
version_added: 0.1.0
description:
  - Tells of one volume, of a list, or of all, with the containers that use them, what they hold, whether they are
    protected, and their last good backup.
  - Tells which data is not where somebody put it, namely in anonymous volumes, in mounts that an anonymous volume
    shadows, and in the layers of containers, with which it goes away.
  - A volume that is named is asked for by itself. Docker's list of all volumes lacks those of a driver that does not
    answer, which is told and never taken for their absence.
  - With O(name) it returns what M(community.docker.docker_volume_info) returns, and more.
author:
  - The holdfast.persistence contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.persistence.docker
  - holdfast.persistence.attributes
  - holdfast.persistence.attributes.info
attributes:
  check_mode:
    details:
      - This module changes nothing.
      - On a host without Docker it tells in check mode of no volume, with a warning.
options:
  name:
    description:
      - The volume's name.
      - At most one of O(name) and O(names) is allowed. Without both, all volumes are told of.
    type: str
    aliases: [volume_name]
  names:
    description:
      - The names of several volumes.
    type: list
    elements: str
  sizes:
    description:
      - Whether to count what the volumes hold.
      - The data of a volume with driver options, or of another driver than V(local), can be seen only while a container
        that runs uses it, except that of a bind.
    type: bool
    default: false
  layers:
    description:
      - Whether to look for files that containers wrote outside of volumes, as C(docker diff) does.
    type: bool
    default: false
  time_limit:
    description:
      - How many seconds O(sizes) and O(layers) may take, each of the two. What was not looked at by then is told as
        not known.
    type: int
    default: 30
seealso:
  - module: holdfast.persistence.volume
  - module: community.docker.docker_volume_info
"""

EXAMPLES = r"""
- name: Look at one volume
  holdfast.persistence.volume_info:
    name: pgdata
    sizes: true
  register: pgdata

- name: Say what it holds
  ansible.builtin.debug:
    msg: "{{ pgdata.volume.content.files }} files, saved {{ pgdata.volume.last_backup.finished | default('never') }}"
  when: pgdata.exists

- name: Look at all volumes, and at what containers wrote elsewhere
  holdfast.persistence.volume_info:
    layers: true
  register: host

- name: Name the data that no backup of volumes would hold
  ansible.builtin.debug:
    msg:
      anonymous: "{{ host.anonymous }}"
      shadowed: "{{ host.shadowed }}"
      layers: "{{ host.layers | selectattr('files') }}"

- name: Refuse to go on while data goes into a volume that nobody named
  ansible.builtin.assert:
    that: host.uncovered | selectattr('container', 'equalto', 'database') | length == 0
"""

RETURN = r"""
exists:
  description: Whether the volume is there.
  returned: with O(name), unless it failed
  type: bool
  sample: true
volume:
  description:
    - The volume as in RV(volumes), and besides with the keys of Docker's own inspect, such as C(Mountpoint).
    - Passwords in C(Options) and C(Status) are hidden.
    - Null when it is absent.
  returned: with O(name), unless it failed
  type: dict
  sample: {"Name": "pgdata", "Driver": "local", "name": "pgdata", "driver": "local"}
volumes:
  description: The volumes that are there, those of O(names) in its order, all of them sorted by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: pgdata
    driver:
      description: The driver that keeps it.
      type: str
      returned: always
      sample: local
    driver_options:
      description: Its driver's options, secrets hidden.
      type: dict
      returned: always
      sample: {"type": "nfs", "device": ":/srv/uploads", "o": "addr=192.0.2.10,nfsvers=4"}
    labels:
      description: Its labels, without C(holdfast.uuid).
      type: dict
      returned: always
      sample: {"service": "database"}
    mountpoint:
      description: Where the driver keeps or mounts it on its host.
      type: str
      returned: always
      sample: /var/lib/docker/volumes/pgdata/_data
    uuid:
      description: What tells it from others of its name. Null for a volume that others created.
      type: str
      returned: always
      sample: 2c4f9f0e-60a4-4f0a-8f5b-0d9c7a3f7f55
    created:
      description:
        - When Docker says that it was created.
        - Docker takes this from the volume's folder, so it is later when something was moved into the folder since.
      type: str
      returned: always
      sample: "2026-03-01T02:00:00Z"
    age:
      description: Seconds since RV(volumes[].created). Null when Docker gives no time.
      type: int
      returned: always
      sample: 86400
    protected:
      description:
        - Whether its removal needs its UUID as confirmation.
        - Null where this user cannot see it, and for volumes of another host.
      type: bool
      returned: always
      sample: false
    persistent:
      description: Whether its data outlives its last container. Not that of a tmpfs.
      type: bool
      returned: always
      sample: true
    anonymous:
      description: Whether Docker made it unasked, for a VOLUME of an image or a path without a name.
      type: bool
      returned: always
      sample: false
    seeded:
      description: Where its first content came from, when M(holdfast.persistence.volume) brought it in, else null.
      type: dict
      returned: always
      sample: {"source": "archive /srv/seed.tar.gz", "digest": "sha256:9f86d081", "at": "2026-03-01T02:00:00Z"}
    adopted:
      description: The same for data of a container that M(holdfast.persistence.volume) took over.
      type: dict
      returned: always
      sample: {"source": "container db at /data", "digest": "sha256:9f86d081", "at": "2026-03-01T02:00:00Z"}
    hydrated:
      description: The same for what came from the snapshot of a backup job.
      type: dict
      returned: always
      sample: null
    last_backup:
      description:
        - The newest success of a job of this host that found something in the volume, with the seconds since then.
        - Null when none is on record.
      type: dict
      returned: always
      sample: {"job": "nightly", "finished": "2026-03-01T02:00:09Z", "age": 3600, "snapshot": "1a2b3c4d"}
    consumers:
      description: The containers that use it, running or not, and where they have it mounted.
      type: list
      elements: dict
      returned: always
      sample: [{"id": "0f3c5a", "name": "db", "state": "running", "paths": ["/var/lib/postgresql/data"]}]
    content:
      description: What it holds.
      type: dict
      returned: with O(sizes=true)
      contains:
        files:
          description: Everything that is not a folder, each name once. Null when it cannot be counted.
          type: int
          returned: always
          sample: 1204
        folders:
          description: The folders. With the files they are the inodes, save that hard links count once each.
          type: int
          returned: always
          sample: 25
        size:
          description: The bytes of the files, as their lengths say.
          type: int
          returned: always
          sample: 3100000000
        complete:
          description: Whether all was counted. When not, there is more than the figures say.
          type: bool
          returned: always
        unknown:
          description: Why nothing could be counted, else null.
          type: str
          returned: always
          sample: a volume with driver options is mounted only while a container uses it
absent:
  description: Those of O(name) or O(names) of which Docker itself says that they are not there.
  returned: always
  type: list
  elements: str
complete:
  description:
    - Whether Docker could tell of all the volumes, as far as can be known.
    - False when it says that a driver did not answer, or when containers use volumes that are not in its list. These
      are then asked for by name.
  returned: always
  type: bool
unlisted:
  description:
    - Volumes that containers use, and of which Docker neither lists nor tells anything when asked. Why is in V(why).
    - Always empty with O(name) and O(names).
  returned: always
  type: list
  elements: dict
  sample: [{"name": "remote", "driver": "sshfs", "consumers": [{"id": "0f3c5a", "name": "app", "state": "exited",
    "paths": ["/data"]}], "why": "the driver did not answer"}]
anonymous:
  description:
    - The anonymous volumes, each with every container that uses it, and where.
    - V(declared_by) says whether the C(image) or whoever made the C(container) asked for it; null when nobody can tell.
    - One that no container uses any more has null for all but its name.
    - With O(name) or O(names), this and the following are about the containers that use those volumes.
  returned: always
  type: list
  elements: dict
  sample: [{"volume": "5f0c7b", "container": "db", "id": "0f3c5a", "state": "running", "path": "/data",
    "declared_by": "image"}]
uncovered:
  description:
    - Paths that an image declares as VOLUME, and at which a container has an anonymous volume since nobody mounted
      anything else there.
  returned: always
  type: list
  elements: dict
  sample: [{"container": "db", "id": "0f3c5a", "state": "running", "image": "postgres:18",
    "path": "/var/lib/postgresql", "volume": "5f0c7b"}]
shadowed:
  description:
    - Mounts that somebody chose, of which an anonymous volume below their target covers a part.
    - What the container writes at V(shadowed) goes into the anonymous volume V(by), not into the mount.
  returned: always
  type: list
  elements: dict
  sample: [{"container": "db", "id": "0f3c5a", "state": "running", "target": "/var/lib/postgresql", "volume": "pgdata",
    "source": "/var/lib/docker/volumes/pgdata/_data", "shadowed": "/var/lib/postgresql/data", "by": "5f0c7b",
    "declared_by": "image"}]
layers:
  description:
    - What each container wrote outside of volumes, without what lies in C(/dev), C(/proc), C(/run), C(/sys), C(/tmp)
      and C(/var/tmp).
    - V(files) is how many were added or changed, V(folders) where most of them lie, and V(paths) the first of them.
    - With V(unknown) it says why it could not be looked at.
  returned: with O(layers=true)
  type: list
  elements: dict
  sample: [{"container": "app", "id": "0f3c5a", "state": "running", "files": 2, "folders": [{"path": "/app/uploads",
    "files": 2}], "paths": ["/app/uploads/a", "/app/uploads/b"], "unknown": null}]
errors:
  description: The volumes that Docker could not tell of, each with why. The module fails then.
  returned: always
  type: list
  elements: dict
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _docker
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._facts import VolumeFacts, Wanted, nothing
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._info import check_name

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "aliases": ["volume_name"]},
    "names": {"type": "list", "elements": "str"},
    "sizes": {"type": "bool", "default": False},
    "layers": {"type": "bool", "default": False},
    "time_limit": {"type": "int", "default": 30},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**OPTIONS, **_docker.OPTIONS},
        mutually_exclusive=[("name", "names")],
        required_together=_docker.REQUIRED_TOGETHER,
        supports_check_mode=True,
    )
    try:
        wanted = _wanted(module.params)
        result = _report(module, wanted)
    except Problem as problem:
        module.fail_json(msg=str(problem))
        return
    if result["errors"]:
        module.fail_json(msg="\n".join(error["msg"] for error in result["errors"]), **result)
    module.exit_json(**result)


def _wanted(params: dict[str, Any]) -> Wanted:
    names = params["names"] if params["name"] is None else [params["name"]]
    if params["time_limit"] < 1:
        raise Problem(f"time_limit: {params['time_limit']} leaves no time. Write a number of seconds, 1 or more.")
    return Wanted(
        names=None if names is None else tuple(check_name(name) for name in dict.fromkeys(names)),
        sizes=params["sizes"],
        layers=params["layers"],
        seconds=params["time_limit"],
    )


def _report(module: AnsibleModule, wanted: Wanted) -> dict[str, Any]:
    """The result; with ``name`` also in the form of community.docker's module."""
    result = _facts(module, wanted)
    inspected = result.pop("inspected")
    if module.params["name"] is None or result["errors"]:
        return result
    volume = {**inspected[0], **result["volumes"][0]} if inspected else None
    return {**result, "exists": bool(inspected), "volume": volume}


def _facts(module: AnsibleModule, wanted: Wanted) -> dict[str, Any]:
    try:
        docker = _docker.Docker(module.params)
    except _docker.NotInstalled as problem:
        if not module.check_mode:
            raise
        module.warn(f"{problem} In check mode the module goes on as with a Docker that has no volumes.")
        return nothing(wanted)
    try:
        return VolumeFacts(docker, module.warn).report(wanted)
    except OSError as error:
        raise Problem(f"volumes: could not look at the host: {error}. Mend what the system says.") from error


if __name__ == "__main__":
    main()
