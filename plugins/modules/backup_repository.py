#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_repository
short_description: Initialise restic repositories and make them known to a host
version_added: 0.1.0
description:
  - Stores how a host opens a restic repository, and initialises the repository when there is none yet.
  - The new credentials are tried before anything stored is touched, so those that do not work never replace those that
    do.
  - A repository is initialised only where it is certain that there is none. That it cannot be reached, that the
    password is wrong, and that something else lies there are three errors of their own.
  - A local path is not looked at while nothing is mounted at it or above it where C(/etc/fstab) or a mount unit of
    systemd names a mount point.
  - A repository that this host has used before and that is gone is an error too, not a first boot.
  - Location, password and environment lie in C(/etc/holdfast/repositories/), readable by root alone. Units get them as
    systemd credentials, restic gets them as files and in its environment. They never are arguments of a command.
extends_documentation_fragment:
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
    details:
      - The repository is probed in check mode too, which changes nothing.
      - On a host without restic, without O(password_file) or without the folder above a local O(location), check mode
        warns and predicts the initialisation.
  diff_mode:
    support: full
    details:
      - Secrets do not appear. A changed password is told in RV(actions).
  idempotent:
    support: full
options:
  name:
    description:
      - What jobs of this host call the repository. Up to 63 of C(a-z), C(0-9), C(_) and C(-).
    type: str
  location: &location
    description:
      - Where the repository lies, as restic takes it. An absolute path, or V(s3:https://host/bucket/path),
        V(sftp:user@host:/path), V(rest:https://host/path), V(rclone:remote:path), and so on.
      - A local path in one that a job of this host backs up is refused where there is no repository yet that this host
        has used, unless O(holdfast.persistence.backup_timer#module:exclude) of the job names exactly this path.
      - The folder above a local path must exist. restic makes the last one.
      - Required with O(state=present).
      - A password in a URL is stored like any other secret, and masked in everything that the module returns.
      - When it changes to a place without a repository, one is initialised there. The old one stays as it is.
    type: str
  password: &password
    description:
      - The password of the repository, one line. Without it every snapshot is lost, so keep it outside the host too.
      - Changing it here changes it in the repository only as O(password_change) says.
      - Exactly one of O(password) and O(password_file) is required with O(state=present).
    type: str
  password_file: &password_file
    description:
      - Absolute path of a file B(on the host) that holds the password. Its content is copied.
    type: path
  environment: &environment
    description:
      - Environment variables that the kind of storage needs, such as E(AWS_ACCESS_KEY_ID) and E(AWS_SECRET_ACCESS_KEY).
      - Each value is one line. Those of four characters and more count as secrets, and are masked in all output.
    type: dict
    default: {}
  restic_options: &restic_options
    description:
      - Extended options of restic, which it takes as C(-o), such as V(rclone.program) or V(s3.bucket-lookup). They are
        arguments of a command, so no secret belongs into them.
    type: dict
    default: {}
  initialise: &initialise
    description:
      - Whether a repository is made where there certainly is none. With V(false) that is an error, so that a mistyped
        O(location) is told when one is expected to be there, as before a restore.
    type: bool
    default: true
  password_change: &password_change
    description:
      - What is done when the wanted password does not open the repository, and the one that this host has stored does.
      - V(refuse) is an error, so that a password that was mixed up changes nothing.
      - V(add) adds the wanted one, opens the repository with it, and stores it. The old one opens it still, for hosts
        that share the repository and do not know the new one yet.
      - V(replace) does the same and then removes the old one, once no backup of this host is running. At any moment the
        stored password opens the repository; a run that was killed is finished by the next. A password that was added
        before with V(add) is removed by a later V(replace). Others are never removed.
    type: str
    choices:
      - refuse
      - add
      - replace
    default: refuse
  prove_append_only: &prove_append_only
    description:
      - Whether the call fails when this host can delete in the repository. It is tried at every call, on a snapshot of
        a few bytes with the tag C(holdfast-proof), which is made for it; where nothing can be deleted, this one stays
        and is tried again the next time.
      - Only snapshots are tried, and only what restic asks for. Old versions that the storage keeps by itself are not
        seen. The role P(holdfast.persistence.backup_server#role) makes repositories to which clients can only add.
      - Check mode tries nothing, and says so.
    type: bool
    default: false
  state: &state
    description:
      - V(present) stores the credentials, and initialises the repository when there is none.
      - V(absent) makes the host forget the credentials. The repository and its snapshots stay. Refused while a job uses
        it.
    type: str
    choices:
      - present
      - absent
    default: present
  repositories:
    description:
      - Several repositories in one call, each with the options above. Mutually exclusive with O(name).
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      location: *location
      password: *password
      password_file: *password_file
      environment: *environment
      restic_options: *restic_options
      initialise: *initialise
      password_change: *password_change
      prove_append_only: *prove_append_only
      state: *state
requirements:
  - root
  - restic 0.14 or newer
seealso:
  - module: holdfast.persistence.backup_timer
  - name: restic, preparing a repository
    description: Every kind of location and the environment that it needs.
    link: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html
author:
  - the holdfast.persistence contributors (@holdfast)
"""

EXAMPLES = r"""
- name: A repository on a disk of this host
  holdfast.persistence.backup_repository:
    name: main
    location: /srv/backup/main
    password: "{{ main_password | default('correct horse battery staple') }}"

- name: The same again, with a second one beside it, in one call
  holdfast.persistence.backup_repository:
    repositories:
      - name: main
        location: /srv/backup/main
        password: "{{ main_password | default('correct horse battery staple') }}"
      - name: second
        location: /srv/backup/second
        password: "{{ second_password | default('another correct horse') }}"

- name: Another password, without a moment in which the host has none that opens it
  holdfast.persistence.backup_repository:
    name: main
    location: /srv/backup/main
    password: "{{ new_password | default('four random common words') }}"
    password_change: replace

- name: Forget how to open the second one, whose snapshots stay
  holdfast.persistence.backup_repository:
    name: second
    state: absent
"""

RETURN = r"""
repository:
  description: The repository. V(null) when it is absent.
  returned: when O(name) is used
  type: dict
  contains:
    name:
      description: Its name on this host.
      type: str
      sample: main
    location:
      description: Where it lies, without passwords.
      type: str
      sample: rest:https://backup:***@backup.example.com/main
    environment:
      description: The names of the variables, without their values.
      type: list
      elements: str
      sample: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]
    id:
      description: The id that restic gave it. V(null) in check mode before it is initialised.
      type: str
      sample: 1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607
    append_only:
      description: Whether this host can only add, as tried. V(null) when that was not asked, and in check mode.
      type: bool
      sample: true
repositories:
  description: All the repositories of the call that are present, each as in RV(repository).
  returned: always
  type: list
  elements: dict
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
  sample:
    - store location, password and environment of repository main (/srv/backup/main)
    - initialise repository main at /srv/backup/main
errors:
  description: For every repository that failed, its name, what was wrong and what had been done for it.
  returned: failure
  type: list
  elements: dict
  contains:
    name:
      description: The repository.
      type: str
    msg:
      description: What was wrong, and the way out.
      type: str
    done:
      description: What had been done for it before.
      type: list
      elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._pipeline import argument_spec, constraints, run
from ..module_utils.backups._repository_options import OPTIONS
from ..module_utils.backups._repository_resource import Repositories


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(Repositories, OPTIONS), **constraints(Repositories))
    run(module, Repositories(module))


if __name__ == "__main__":
    main()
