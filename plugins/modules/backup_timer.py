#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_timer
short_description: Manage backup jobs that systemd runs on a schedule
version_added: 0.1.0
description:
  - Manages backup jobs over Docker volumes and paths of a host. Each has a systemd service and a timer, and a service
    that applies its retention after every backup that succeeded.
  - Installs the program C(holdfast) which the units start, and brings it up to date. The same program shows and
    restores what was saved (C(holdfast status), C(holdfast restore)). It stays when the last job is removed.
  - A run saves nothing, and stops no container, when a source is missing, is not mounted, or is empty although there is
    a snapshot with its data. See C(holdfast status) and the unit's journal.
  - A host that knows nothing of a job whose snapshots are in the repository was made anew. A run refuses to save what
    lies there until it is restored, or C(holdfast accept) says that it is right.
  - A snapshot of which something could not be read is tagged C(partial). The run counts as failed.
  - The units are confined, and can read the sources and write into the repository, no more.
  - A unit or job file that was changed by hand, that systemd has not read yet, or a timer that was disabled or stopped,
    is drift and is put right. Drop-ins stay as they are.
extends_documentation_fragment:
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
    details:
      - A repository, volume or path that does not exist is an error. In check mode it is a warning, since an earlier
        task may bring it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - What the job is called. Up to 63 of C(a-z), C(0-9), C(_) and C(-).
    type: str
  repository: &repository
    description:
      - The repository that the snapshots go into, as M(holdfast.persistence.backup_repository) named it on this host.
      - Required with O(state=present).
    type: str
  volumes: &volumes
    description:
      - Docker volumes to back up. With O(paths) and O(dumps), at least one is required with
        O(state=present).
    type: list
    elements: str
    default: []
  paths: &paths
    description:
      - Absolute paths to back up, without C(..) and without C(/) at their end. Symbolic links are refused, since a
        backup of one would hold the link alone.
      - One that holds the job's own repository is refused, unless O(exclude) names exactly the repository's path below
        it. The same goes for O(volumes).
    type: list
    elements: str
    default: []
  exclude: &exclude
    description:
      - Patterns of what to leave out, as restic's C(--exclude) takes them. One without C(/) at its beginning matches
        anywhere in a path, V(lib) also in C(/var/lib/docker).
      - A pattern that leaves out a path or volume whole is refused. A snapshot that holds nothing of a source that
        holds data counts as partial.
    type: list
    elements: str
    default: []
  host: &host
    description:
      - The host name that the snapshots carry, by which retention and restores find them. The host's own without it.
      - Hosts that share a repository need different ones.
    type: str
  schedule: &schedule
    description:
      - When to run, as C(OnCalendar=) of systemd takes it, in the host's time zone. See C(man 7 systemd.time)
        under calendar events.
      - A run that was missed while the host was down is made up for at the next boot.
      - A schedule that never elapses is refused.
      - Required with O(state=present).
    type: str
  randomized_delay: &randomized_delay
    description:
      - The longest time by which runs are delayed. Each host gets a delay of its own and keeps it.
      - A number with C(s), C(min), C(h), C(d) or C(w). Seconds without.
    type: str
    default: "0"
  timeout: &timeout
    description:
      - How long a backup may take. One that takes longer is stopped and counts as failed. Form as in
        O(randomized_delay).
    type: str
    default: 6h
  retention: &retention
    description:
      - Which snapshots of this job stay. Applied after each backup that succeeded. Nothing is removed without any.
    type: dict
    suboptions:
      keep_last:
        description: How many of the last snapshots stay.
        type: int
      keep_hourly:
        description: For how many hours the last snapshot of the hour stays.
        type: int
      keep_daily:
        description: For how many days the last snapshot of the day stays.
        type: int
      keep_weekly:
        description: For how many weeks the last snapshot of the week stays.
        type: int
      keep_monthly:
        description: For how many months the last snapshot of the month stays.
        type: int
      keep_yearly:
        description: For how many years the last snapshot of the year stays.
        type: int
      keep_within:
        description: Every snapshot made within this time before the latest stays, as in V(1y2m3d4h) (C(m) are months).
        type: str
  quiesce: &quiesce
    description:
      - What to do with the running containers that use the sources, for as long as the backup reads. Exactly those are
        set going again, also after a failure, a time-out or a power cut.
    type: str
    choices:
      - none
      - pause
      - stop
    default: none
  dumps: &dumps
    description:
      - Databases that write themselves into files before each backup. The files are private to root, are saved with the
        job, and are removed at the end of the run.
      - A dump that fails, is not whole, or takes too long fails the job before a snapshot is made. Dumps come before
        O(quiesce).
      - A restore brings them back only by name, C(holdfast restore JOB --path /var/lib/holdfast/dumps/JOB --mode new
        --target DIRECTORY), and never loads them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the dump is called, and its file without the suffix.
        type: str
        required: true
      type:
        description:
          - Who writes it. V(postgresql) takes C(pg_dump) or C(pg_dumpall), V(mariadb) C(mariadb-dump), V(mysql)
            C(mysqldump), V(mongodb) C(mongodump) into an archive, V(redis) C(redis-cli --rdb) of Redis 7 or newer.
          - V(sqlite) copies the file at O(dumps[].path) by SQLite's online backup and checks the copy. No program is
            needed for it.
          - V(command) takes the standard output of O(dumps[].command).
        type: str
        choices:
          - postgresql
          - mariadb
          - mysql
          - mongodb
          - redis
          - sqlite
          - command
        required: true
      container:
        description: The container in which the program runs. On the host itself without.
        type: str
      database:
        description: The one database to dump. All of the server's without.
        type: str
      user:
        description:
          - Whom the server takes the program for. Without, the administrator that the container was made with, C(root)
            for MariaDB and MySQL, and C(postgres).
        type: str
      password_file:
        description:
          - A file on the host, readable by its owner alone, with the password on one line. Without, the password that
            the container was made with (C(POSTGRES_PASSWORD), C(MARIADB_ROOT_PASSWORD), C(MYSQL_ROOT_PASSWORD),
            C(MONGO_INITDB_ROOT_PASSWORD), C(REDIS_PASSWORD)), if any.
          - It reaches the program through its environment, or through its input where it knows no variable.
        type: path
      run_as:
        description:
          - The system's user as whom the program runs, in the container or on the host. Without, the container's own,
            and on the host C(postgres) for PostgreSQL and root for the others.
        type: str
      path:
        description: The file of the database, for V(sqlite) only, as the container sees it where one is named.
        type: path
      command:
        description: The program and its arguments, for V(command) only. No shell reads it.
        type: list
        elements: str
        default: []
      timeout:
        description: How long it may take before it is killed. Form as in O(randomized_delay).
        type: str
        default: 1h
  hooks: &hooks
    description:
      - Commands of your own around the backup. They run as root, outside of the confinement of the unit, one after the
        other, with C(HOLDFAST_JOB) and C(HOLDFAST_HOOK) in their environment.
      - A command that takes too long is killed with all that it has started.
    type: dict
    suboptions:
      before:
        description: Before anything else. One that fails fails the job.
        type: list
        elements: dict
        default: []
        suboptions: &hook
          command:
            description: The program, by its absolute path, and its arguments. No shell reads it.
            type: list
            elements: str
            required: true
          timeout:
            description: How long it may take. Form as in O(randomized_delay).
            type: str
            default: 5min
      after:
        description:
          - Once the containers are back, whatever happened, also after a failure or a kill. One that fails makes the
            unit fail. With C(HOLDFAST_RESULT), and C(HOLDFAST_SNAPSHOT) when there is one.
        type: list
        elements: dict
        default: []
        suboptions: *hook
      on_success:
        description: After these, when the backup succeeded. One that fails is told in the journal, and changes nothing.
        type: list
        elements: dict
        default: []
        suboptions: *hook
      on_failure:
        description: After these, when the backup did not succeed. As O(hooks.on_success) otherwise.
        type: list
        elements: dict
        default: []
        suboptions: *hook
  manifest: &manifest
    description:
      - What each snapshot tells of every entry in it besides what restic itself stores. A restore compares what it
        brought back with it, unless it is told not to verify.
      - V(sha256) has path, type, owner, mode, size, extended attributes and the hash of each file's content. A file is
        read again only when size, inode or times changed, or when its hash reaches O(manifest_max_age).
      - V(metadata) leaves out the hashes, so that no file is read twice.
    type: str
    choices:
      - sha256
      - metadata
      - none
    default: sha256
  manifest_max_age: &manifest_max_age
    description:
      - How old the hash of a file may become before it is read again although nothing tells of a change. Files come due
        between half of it and all of it, each at a time of its own. Form as in O(randomized_delay).
    type: str
    default: 30d
  rpo: &rpo
    description:
      - Recovery point objective. How old the last success may become before C(holdfast status) calls the job unhealthy.
        Form as in O(randomized_delay).
    type: str
  rto: &rto
    description:
      - Recovery time objective. How long a restore may take. Form as in O(randomized_delay).
    type: str
  enabled: &enabled
    description:
      - Whether the timer runs, now and after a boot.
    type: bool
    default: true
  state: &state
    description:
      - V(present) makes the job as described.
      - V(absent) removes its timer, its services and its job file. Its snapshots and the record of its runs in
        C(/var/lib/holdfast/) stay. Refused while the job runs.
    type: str
    choices:
      - present
      - absent
    default: present
  jobs:
    description:
      - Several jobs in one call, each with the options above. Mutually exclusive with O(name).
      - However many there are, systemd is asked once, and reads its units again once at most.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      repository: *repository
      volumes: *volumes
      paths: *paths
      exclude: *exclude
      host: *host
      schedule: *schedule
      randomized_delay: *randomized_delay
      timeout: *timeout
      retention: *retention
      quiesce: *quiesce
      dumps: *dumps
      hooks: *hooks
      manifest: *manifest
      manifest_max_age: *manifest_max_age
      rpo: *rpo
      rto: *rto
      enabled: *enabled
      state: *state
requirements:
  - root
  - systemd 249 or newer
  - Docker Engine, for O(volumes) and O(quiesce)
seealso:
  - module: holdfast.persistence.backup_repository
  - module: holdfast.persistence.backup_run
  - module: holdfast.persistence.backup_restore
author:
  - the holdfast.persistence contributors (@holdfast)
"""

EXAMPLES = r"""
- name: Back up a volume every night, and keep two weeks and a year of months
  holdfast.persistence.backup_timer:
    name: database
    repository: main
    volumes:
      - pgdata
    quiesce: pause
    schedule: "*-*-* 02:30:00"
    randomized_delay: 30min
    retention:
      keep_daily: 14
      keep_monthly: 12
    rpo: 26h
    rto: 1h

- name: Save what two databases write of themselves, and tell someone when that fails
  holdfast.persistence.backup_timer:
    name: databases
    repository: main
    dumps:
      - name: shop
        type: postgresql
        container: database
      - name: sessions
        type: sqlite
        path: /srv/app/sessions.db
    hooks:
      on_failure:
        - command: [/usr/bin/logger, --priority, user.err, "no backup of the databases"]
    schedule: "*-*-* 01:00:00"

- name: Two jobs in one call
  holdfast.persistence.backup_timer:
    jobs:
      - name: database
        repository: main
        volumes:
          - pgdata
        quiesce: pause
        schedule: "*-*-* 02:30:00"
        randomized_delay: 30min
        retention:
          keep_daily: 14
          keep_monthly: 12
        rpo: 26h
        rto: 1h
      - name: application
        repository: main
        paths:
          - /srv/app
        exclude:
          - /srv/app/cache
        schedule: hourly
        retention:
          keep_within: 7d

- name: Suspend one of them
  holdfast.persistence.backup_timer:
    name: application
    repository: main
    paths:
      - /srv/app
    exclude:
      - /srv/app/cache
    schedule: hourly
    retention:
      keep_within: 7d
    enabled: false

- name: Remove it, but none of its snapshots
  holdfast.persistence.backup_timer:
    name: application
    state: absent
"""

RETURN = r"""
job:
  description: The job. V(null) when it is absent.
  returned: when O(name) is used
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: database
    repository:
      description: Where its snapshots go.
      type: str
      sample: main
    volumes:
      description: The Docker volumes that it saves.
      type: list
      elements: str
      sample: [pgdata]
    paths:
      description: The paths that it saves.
      type: list
      elements: str
      sample: []
    host:
      description: The host name that its snapshots carry.
      type: str
      sample: app1
    exclude:
      description: What it leaves out.
      type: list
      elements: str
      sample: []
    quiesce:
      description: What happens to running containers meanwhile.
      type: str
      sample: pause
    dumps:
      description: What databases write of themselves before.
      type: list
      elements: dict
      sample: []
    hooks:
      description: The commands around it.
      type: dict
      sample: {before: [], after: [], on_success: [], on_failure: []}
    manifest:
      description: What each snapshot tells of its entries.
      type: str
      sample: sha256
    manifest_max_age:
      description: How old a hash may become, in seconds.
      type: int
      sample: 2592000
    schedule:
      description: When it runs.
      type: str
      sample: "*-*-* 02:30:00"
    randomized_delay:
      description: The longest delay, in seconds.
      type: int
      sample: 1800
    timeout:
      description: How long it may take, in seconds.
      type: int
      sample: 21600
    retention:
      description: All rules, V(null) where one is not set.
      type: dict
      sample: {keep_daily: 14, keep_monthly: 12}
    rpo:
      description: Recovery point objective in seconds. V(null) when there is none.
      type: int
      sample: 93600
    rto:
      description: Recovery time objective in seconds. V(null) when there is none.
      type: int
      sample: 3600
    enabled:
      description: Whether the timer is started at boot.
      type: bool
    active:
      description: Whether the timer runs now.
      type: bool
    next_elapse:
      description: When the timer elapses next, in UTC. V(null) when it does not run, or in check mode before a change.
      type: str
      sample: "2026-02-01T02:41:07Z"
    units:
      description: Its units in C(/etc/systemd/system/).
      type: list
      elements: str
      sample:
        - holdfast-backup-database.service
        - holdfast-backup-database.timer
        - holdfast-retention-database.service
jobs:
  description: All the jobs of the call that are present, each as in RV(job).
  returned: always
  type: list
  elements: dict
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
  sample:
    - "create job database: volume pgdata into repository main, *-*-* 02:30:00"
    - start holdfast-backup-database.timer
errors:
  description: For every job that failed, its name, what was wrong and what had been done for it.
  returned: failure
  type: list
  elements: dict
  contains:
    name:
      description: The job.
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
from ..module_utils.backups._timer import OPTIONS
from ..module_utils.backups._timer_resource import Jobs


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(Jobs, OPTIONS), **constraints(Jobs))
    run(module, Jobs(module))


if __name__ == "__main__":
    main()
