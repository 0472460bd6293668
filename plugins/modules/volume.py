#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume
short_description: Manage Docker volumes without losing what they hold
version_added: 0.1.0
description:
  - Creates and removes Docker volumes, one or a list of them over one connection.
  - Compares an existing volume with what is declared, exactly, with added, changed and removed keys. Docker itself
    answers a second creation with success and ignores the new options and labels.
  - Never removes a volume that holds data, or of which it cannot see what it holds, unless O(data_loss=allow).
  - What M(holdfast.persistence.backup_restore) kept beside the data of a volume counts as data of the volume.
  - Never removes a volume that a container uses, be it running or stopped.
  - Gives every volume that it creates a UUID, in the label C(holdfast.uuid), since Docker tells a volume from a
    former one of the same name by nothing. A volume that others created is accepted as it is.
author:
  - The holdfast.persistence contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.persistence.docker
  - holdfast.persistence.data_loss
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
    details:
      - On a host without Docker it returns what it would do there once Docker is installed, with a warning.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - The volume's name.
      - Exactly one of O(name) and O(volumes) is needed.
    type: str
    aliases: [volume_name]
  driver: &driver
    description:
      - The driver that keeps the volume.
      - Without it, a new volume gets V(local), and an existing one is right with the driver that it has.
    type: str
  driver_options: &driver_options
    description:
      - Options for the driver, as in C(docker volume create --opt). Numbers and booleans are taken as strings.
      - 'The driver V(local) takes V(type), V(device), V(o) and V(size); V(o) needs V(type) and V(device).'
      - V(o) is compared as a set of mount options, in any order.
      - Without it, the options are not managed. V({}) means none.
      - Passwords in it, and in V(o), are kept out of results, sentences and logs. Docker itself shows them to whoever
        may inspect the volume.
    type: dict
  nfs: &nfs
    description:
      - The short way to O(driver_options) for a volume on an NFS server, with options that bear a server's absence.
      - A new volume is mounted once before any container uses it. One whose server cannot be reached, or that cannot
        be mounted or written to, is an error, and the volume is not created. With O(driver_options) Docker creates it
        unseen, and the first container finds out.
    type: dict
    suboptions:
      server:
        description: The server's name or address.
        type: str
        required: true
      path:
        description: The path that it exports.
        type: str
        required: true
      preset:
        description: Which set of options, as in M(holdfast.persistence.nfs_mount).
        type: str
        choices: [default, database, efs, filestore, azure_files]
        default: default
      opts:
        description: Further options, as a string or a list. They win over the preset, unless they contradict it.
        type: raw
  labels: &labels
    description:
      - Labels of the volume. Numbers and booleans are taken as strings.
      - Without it, the labels are not managed. V({}) means none.
      - Labels that begin with C(com.docker.) count only when they are declared. Those that begin with C(holdfast.) are
        the module's own and cannot be declared.
    type: dict
  on_drift: &on_drift
    description:
      - What to do when the volume exists and differs from what is declared. Docker cannot change a volume.
      - V(fail) changes nothing and fails with what differs and what the volume holds.
      - V(warn) changes nothing and warns.
      - V(migrate) gives the volume its new definition and keeps its data, UUID and protection. The data is copied, the
        copy is proved by content, the volume is created again under its name, and so is every container that uses
        it, from its own settings, since Docker removes no volume that a container refers to. What ran is started.
        A run that is killed is undone or finished by the next; at every moment there is a complete copy.
      - V(recreate) removes the volume and creates it anew. With data in it that needs O(data_loss=allow). What is not
        declared is taken over from the old volume, the UUID is not.
    type: str
    choices: [fail, warn, migrate, recreate]
    default: fail
  quiesce: &quiesce
    description:
      - What to do with containers that run with the volume during O(on_drift=migrate), O(seed) or O(adopt), or that
        write to what it is seeded from.
      - V(fail) refuses and names them. V(stop) stops them and starts them again. V(pause) pauses those that write to
        the source of a seed; it is not enough for a migration.
    type: str
    choices: [fail, stop, pause]
    default: fail
  data: &data
    description:
      - Where the data of O(on_drift=migrate) comes from. V(copy) copies it from the old definition's place.
      - V(keep_in_place) copies nothing and points the volume at what lies at O(driver_options) already. Data that
        Docker kept itself would be lost, which needs O(data_loss=allow).
    type: str
    choices: [copy, keep_in_place]
    default: copy
  owner: &owner
    description:
      - Owner of the volume's root directory, by a name of this host or by number, as a container sees it. With
        C(userns-remap), what the daemon adds is added here too. A number needs no account on the host.
      - Without it, the owner is not managed.
      - Docker gives an empty volume the owner and mode of the image's directory when a first container is created on
        it; what is declared here is put right by the next run. A volume with O(directories) is not empty and is left
        alone.
    type: str
  group: &group
    description:
      - Group of the volume's root directory, as O(owner).
    type: str
  mode: &mode
    description:
      - Mode of the volume's root directory as three or four octal digits, in quotes. Without it, it is not managed.
    type: raw
  selinux_type: &selinux_type
    description:
      - SELinux type of the volume's root directory, such as V(container_file_t), which files made in it inherit.
      - An error on a host where SELinux does not run.
    type: str
  directories: &directories
    description:
      - Directories in the volume. They are made, and get owner, group and mode; what lies in them is left alone.
      - No symbolic link is followed, so nothing outside of the volume is changed, whatever a container put there.
    type: list
    elements: dict
    suboptions:
      path:
        description: The path, relative to the volume's root, without C(.) and C(..).
        type: str
        required: true
      owner:
        description: Owner. Without it, a new directory gets that of the directory that it lies in, as declared.
        type: str
      group:
        description: Group, as C(owner).
        type: str
      mode:
        description: Mode, in quotes. Without it, a new directory gets C(0755), and an existing one keeps its own.
        type: raw
  recurse: &recurse
    description:
      - Whether owner and group are handed down to all that the volume holds before its first container, such as what
        O(seed) put there. What lies in one of O(directories) gets those of that directory.
    type: bool
    default: false
  seed: &seed
    description:
      - Where the first content of the volume comes from, exactly one of C(directory), C(archive), C(url), C(volume) and
        C(image). It is brought in once, while the volume is empty, and never again.
      - It is made ready and checked apart from the volume and put in place when it is whole. A seed that fails or is
        killed leaves the volume empty, and the next run does it again.
    type: dict
    suboptions:
      directory:
        description: A directory on the control node, or, with C(remote_src), on the host.
        type: path
      archive:
        description: A tar, compressed or not, or a zip, on the control node, or, with C(remote_src), on the host.
        type: path
      url:
        description: The URL of such an archive, which needs C(checksum).
        type: str
      volume:
        description: Another volume, whose content is copied.
        type: str
      image:
        description: An image on the host, of which one container is run with the content-to-be mounted at C(path).
        type: str
      checksum:
        description: Of the archive, such as C(sha256:9f86d0…).
        type: str
      strip:
        description: How many leading directories of an archive's members to leave out.
        type: int
        default: 0
      remote_src:
        description: Whether C(directory) or C(archive) lies on the host already.
        type: bool
        default: false
      command:
        description: The command of the container of C(image). Without it, the image's own.
        type: list
        elements: str
      path:
        description: Where the container of C(image) finds the directory to fill.
        type: str
        default: /seed
      environment:
        description: Environment of the container of C(image).
        type: dict
      user:
        description: User of the container of C(image).
        type: str
      network:
        description: Network of the container of C(image).
        type: str
        default: none
      timeout:
        description: Seconds for the command of the container of C(image). V(0) is as long as it takes.
        type: int
        default: 3600
  adopt: &adopt
    description:
      - Takes over what a container keeps in an anonymous volume, in another volume or in its own layer. It is brought
        in once, as with O(seed), and proved by content.
    type: dict
    suboptions:
      container:
        description: The container's name. With O(quiesce=stop) it stays stopped.
        type: str
        required: true
      path:
        description: The path in the container, absolute.
        type: str
        required: true
  hydrate_from: &hydrate_from
    description:
      - Fills the volume from the snapshot of a backup job before its first container starts, once, while it is empty.
        So a host that was lost comes back with its data by the playbook that has made it.
      - A repository that is out of reach or opens with another password is an error, and nothing is created or started
        on an empty volume. Only one that opens and holds no snapshot of this volume may mean a first boot.
      - It is brought in as a O(seed) is, whole or not at all, and restic reads back what it wrote.
      - The repository has to be configured on the host before, by M(holdfast.persistence.backup_repository).
    type: dict
    suboptions:
      job:
        description: The backup job.
        type: str
        required: true
      repository:
        description:
          - The repository that holds its snapshots. Needed on a host that does not have the job yet. Without it, it is
            the one of the job on this host.
        type: str
      host:
        description: The host that saved it, under the name that its snapshots carry. Without it, this one.
        type: str
      snapshot:
        description: V(latest), the beginning of an id, or a time, as in M(holdfast.persistence.backup_restore).
        type: str
        default: latest
      volume:
        description: The volume's name in the snapshot. Without it, the volume's own.
        type: str
      first_boot:
        description:
          - Whether the repository may hold no snapshot of this volume. With V(allowed) the volume then gets its
            O(seed), or begins empty, and that is remembered.
        type: str
        choices: [refused, allowed]
        default: refused
  recreate: &recreate
    description:
      - The word of M(community.docker.docker_volume) for O(on_drift), for playbooks that come from there.
      - V(never) is O(on_drift=warn), V(options-changed) is O(on_drift=recreate).
      - V(always) creates the volume anew by every call, so that it is never unchanged.
      - Unlike there, a volume that holds data goes only with O(data_loss=allow).
    type: str
    choices: [always, never, options-changed]
  protected: &protected
    description:
      - Whether the volume is protected. A protected volume is removed only when O(confirm) is its UUID, also with
        O(data_loss=allow).
      - It is remembered on the host, also when later tasks leave it out. V(false) ends it.
    type: bool
  confirm: &confirm
    description:
      - The UUID of the volume, as the result shows it, to remove it although it is protected.
    type: str
  state: &state
    description:
      - V(present) makes sure that the volume is there, V(absent) that it is not.
    type: str
    choices: [present, absent]
    default: present
  volumes:
    description:
      - A list of volumes. When one of them cannot be brought about, the others are, and the module fails at the end.
    type: list
    elements: dict
    suboptions:
      name:
        description: The volume's name.
        type: str
        required: true
        aliases: [volume_name]
      driver: *driver
      driver_options: *driver_options
      nfs: *nfs
      labels: *labels
      on_drift: *on_drift
      quiesce: *quiesce
      data: *data
      recreate: *recreate
      owner: *owner
      group: *group
      mode: *mode
      selinux_type: *selinux_type
      directories: *directories
      recurse: *recurse
      seed: *seed
      adopt: *adopt
      hydrate_from: *hydrate_from
      protected: *protected
      confirm: *confirm
      state: *state
  _sent:
    description:
      - Not for playbooks. Where the action plugin put what O(seed) names of the control node, by volume.
    type: dict
seealso:
  - module: community.docker.docker_volume
  - name: docker volume create
    description: Driver options of the local driver.
    link: https://docs.docker.com/reference/cli/docker/volume/create/
"""

EXAMPLES = r"""
- name: A volume for the database
  holdfast.persistence.volume:
    name: pgdata
    labels:
      service: database

- name: Several volumes, one of them on an NFS server, in one call
  holdfast.persistence.volume:
    volumes:
      - name: uploads
        # Created unseen. With nfs: {server: 192.0.2.10, path: /srv/uploads} the server would be asked.
        driver_options:
          type: nfs
          device: ":/srv/uploads"
          o: addr=192.0.2.10,nfsvers=4.2,hard
      - name: cache
        driver_options: {}
        labels: {}

- name: Say what differs, and leave the volume as it is
  holdfast.persistence.volume:
    name: cache
    labels:
      tier: warm
    on_drift: warn

- name: Another label for an empty volume, which may be removed freely
  holdfast.persistence.volume:
    name: cache
    labels:
      tier: warm
    on_drift: recreate

- name: A volume that goes only when its UUID confirms that
  holdfast.persistence.volume:
    name: ledger
    protected: true
  register: ledger

- name: Remove that very volume
  holdfast.persistence.volume:
    name: ledger
    state: absent
    confirm: "{{ ledger.volume.uuid }}"

- name: A volume whose first content is there before its first container, for the user that the container runs as
  holdfast.persistence.volume:
    name: wiki
    owner: "1000"
    group: "1000"
    mode: "0750"
    recurse: true
    directories:
      - path: uploads
        mode: "0770"
    seed:
      archive: /srv/wiki.tar.gz
      remote_src: true

- name: A volume that comes back from its backup when the host is made anew, and begins empty the very first time
  holdfast.persistence.volume:
    name: pgdata
    hydrate_from:
      job: database
      repository: main
      first_boot: allowed

- name: A copy of it
  holdfast.persistence.volume:
    name: wiki-test
    seed:
      volume: wiki

- name: The same volume, now on a disk of its own, with its data
  holdfast.persistence.volume:
    name: wiki-test
    driver_options:
      type: none
      o: bind
      device: /srv/wiki-test
    on_drift: migrate
    quiesce: stop

- name: Remove volumes, unless they hold data
  holdfast.persistence.volume:
    volumes:
      - name: pgdata
        state: absent
      - name: cache
        state: absent

- name: Remove a volume with all that it holds, or of which nobody can say from here what it holds
  holdfast.persistence.volume:
    name: uploads
    state: absent
    data_loss: allow
"""

RETURN = r"""
volume:
  description: The volume. Null when it is absent.
  returned: with O(name), unless it failed
  type: dict
  contains: &volume
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
      description: Where the driver keeps or mounts it on its host. Null in check mode for a volume to be created.
      type: str
      returned: always
      sample: /var/lib/docker/volumes/pgdata/_data
    uuid:
      description:
        - What tells it from others of its name.
        - Null for a volume that others created and that was never protected here, and as with RV(volume.mountpoint).
      type: str
      returned: always
      sample: 2c4f9f0e-60a4-4f0a-8f5b-0d9c7a3f7f55
    created:
      description: When Docker says that it was created. Null as with RV(volume.mountpoint).
      type: str
      returned: always
      sample: "2026-03-01T02:00:00Z"
    protected:
      description: Whether it goes only when its UUID confirms that. Null when this user may not know.
      type: bool
      returned: always
      sample: false
    seeded:
      description: Where its first content came from, its digest and when. Null in it is what check mode cannot know.
      type: dict
      returned: always
      sample: {"source": "archive /srv/wiki.tar.gz", "digest": "sha256:9f86d081", "at": "2026-03-01T02:00:00+00:00"}
    adopted:
      description: The same for what it took over from a container.
      type: dict
      returned: always
      sample: null
    hydrated:
      description: The same for what came from a snapshot, or that it began empty as there was none.
      type: dict
      returned: always
      sample: null
    persistent:
      description: Whether its data outlives its last container. Not that of a tmpfs.
      type: bool
      returned: always
      sample: true
    uid:
      description: Owner of its root directory, as a container sees it.
      type: int
      returned: when something of its shape is declared and can be seen
      sample: 1000
    gid:
      description: Group of its root directory, as a container sees it.
      type: int
      returned: as RV(volume.uid)
      sample: 1000
    mode:
      description: Mode of its root directory.
      type: str
      returned: as RV(volume.uid)
      sample: "0750"
    selinux_type:
      description: SELinux type of its root directory.
      type: str
      returned: as RV(volume.uid)
      sample: null
    directories:
      description: The declared directories that are there.
      type: list
      elements: dict
      returned: as RV(volume.uid), when O(directories) are declared
      sample: [{"path": "uploads", "uid": 1000, "gid": 1000, "mode": "0770"}]
    consumers:
      description: The containers that use it, running or not.
      type: list
      elements: dict
      returned: always
      sample: [{"id": "0f3c5a", "name": "db", "state": "running"}]
volumes:
  description: The volumes that are there, in the order of the task, without those that failed.
  returned: always, unless nothing could be looked at
  type: list
  elements: dict
  contains: *volume
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample: ["create volume pgdata with driver local"]
errors:
  description: The volumes that failed.
  returned: when one failed
  type: list
  elements: dict
  contains:
    name:
      description: The volume's name.
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

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import argument_spec, constraints, run
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _docker
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._seed import seed_secrets
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._driver_options import secrets
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._resource import VolumeResource
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import OPTIONS


class Module(AnsibleModule):
    """Knows the secrets within driver options before the first log line, where ``no_log`` would hide all options."""

    def _log_invocation(self) -> None:
        for item in [self.params, *(self.params["volumes"] or [])]:
            self.no_log_values.update(secrets(item["driver_options"] or {}))
            self.no_log_values.update(seed_secrets(item))
        super()._log_invocation()


def options() -> dict[str, Any]:
    """The argument specification, with the other name that community.docker has for the name.

    ``_sent`` is the action plugin's: by volume, where on the host it put what lay on the control node.
    """
    data_loss = {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"}
    spec = argument_spec(
        VolumeResource, OPTIONS, {**_docker.OPTIONS, "data_loss": data_loss, "_sent": {"type": "dict"}}
    )
    for name in (spec["name"], spec["volumes"]["options"]["name"]):
        name["aliases"] = ["volume_name"]
    return spec


def main() -> None:
    module = Module(argument_spec=options(), required_together=_docker.REQUIRED_TOGETHER, **constraints(VolumeResource))
    run(module, VolumeResource(module))


if __name__ == "__main__":
    main()
