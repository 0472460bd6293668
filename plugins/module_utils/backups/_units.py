# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the systemd units of a backup job. Pure; the reasons for the settings are in systemd.exec(5)."""

from __future__ import annotations

import os
from pathlib import Path

from ..runner import _paths
from ..runner._job import Job

_HEADER = "# Managed by Ansible (holdfast.persistence.backup_timer). Local changes belong into drop-ins."

# Docker's answer to a stop of a slow container, and the start of all of them, fall into ExecStopPost=.
_STOP_SECONDS = 600

# Nobody waits for a prune, and its first one in a large repository takes hours, however short the backups are.
_RETENTION_SECONDS = 86400

# A daemon that is slow at boot, a port that is still taken: tried again for a while, then left to a person.
_RELEASE_PAUSE = 15
_RELEASE_TRIES = 40

_CONFINEMENT = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=pid
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
StateDirectory=holdfast
StateDirectoryMode=0700"""


def units(job: Job, repository: Path | None) -> dict[str, str]:
    """File name → text of every unit of the job. ``repository``: its directory when it lies on this host."""
    texts = {
        _paths.backup_service(job.name): _backup_service(job, repository),
        _paths.backup_timer(job.name): _backup_timer(job),
    }
    if job.retention.rules():
        texts[_paths.retention_service(job.name)] = _retention_service(job, repository)
    return texts


def names(job: str) -> tuple[str, str, str]:
    """Every unit that a job of this name may have."""
    return _paths.backup_timer(job), _paths.backup_service(job), _paths.retention_service(job)


def release_service() -> str:
    """The unit that runs at boot, whichever jobs there are."""
    return f"""\
{_HEADER}
[Unit]
Description=Start again what a backup had stopped when the host went down, and remove its dumps
ConditionDirectoryNotEmpty=|{_paths.STATE}/stopped
ConditionDirectoryNotEmpty=|{_paths.STATE}/dumps
After=docker.service
StartLimitIntervalSec={_RELEASE_TRIES * (_RELEASE_PAUSE + _STOP_SECONDS)}
StartLimitBurst={_RELEASE_TRIES}

[Service]
Type=oneshot
Restart=on-failure
RestartSec={_RELEASE_PAUSE}
TimeoutStartSec={_STOP_SECONDS}
ExecStart={_paths.COMMAND} release --all
{_CONFINEMENT}
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
"""


def _backup_service(job: Job, repository: Path | None) -> str:
    # What keeps Docker from starting the containers again may pass: that unit tries for a while.
    follow = f"OnFailure={_paths.RELEASE_SERVICE}\n"
    follow += f"OnSuccess={_paths.retention_service(job.name)}\n" if job.retention.rules() else ""
    # A private /tmp would hide the sources beneath it, and a read-only one leaves restic without scratch space.
    scratch = f"Environment=TMPDIR={_paths.CACHE}" if _reads_tmp(job) else "PrivateTmp=yes"
    return f"""\
{_HEADER}
[Unit]
Description=Backup job {job.name}
Wants=network-online.target
After=network-online.target remote-fs.target docker.service {_paths.RELEASE_SERVICE}
{follow}
[Service]
Type=oneshot
TimeoutStartSec={job.timeout}
TimeoutStopSec={_STOP_SECONDS + job.hooks.seconds_at_the_end}
ExecStartPre=+{_paths.COMMAND} prepare {job.name}
ExecStart={_paths.COMMAND} backup {job.name}
ExecStopPost=+{_paths.COMMAND} release {job.name}
RuntimeDirectory=holdfast-backup-{job.name}
RuntimeDirectoryMode=0700
{_access(job, repository)}
{_CONFINEMENT}
{scratch}
CapabilityBoundingSet={" ".join(["CAP_DAC_READ_SEARCH", *_to_write(repository)])}
"""


def _retention_service(job: Job, repository: Path | None) -> str:
    return f"""\
{_HEADER}
[Unit]
Description=Retention of backup job {job.name}
Wants=network-online.target
After=network-online.target remote-fs.target {_paths.backup_service(job.name)}

[Service]
Type=oneshot
TimeoutStartSec={_RETENTION_SECONDS}
ExecStart={_paths.COMMAND} retention {job.name}
{_access(job, repository)}
{_CONFINEMENT}
PrivateTmp=yes
CapabilityBoundingSet={" ".join(_to_write(repository))}
"""


def _backup_timer(job: Job) -> str:
    return f"""\
{_HEADER}
[Unit]
Description=Schedule of backup job {job.name}

[Timer]
OnCalendar={escape(job.schedule)}
RandomizedDelaySec={job.randomized_delay}
FixedRandomDelay=true
Persistent=true

[Install]
WantedBy=timers.target
"""


def _access(job: Job, repository: Path | None) -> str:
    """What a unit that runs restic reaches: the repository, its credentials, the cache; and how gently."""
    directory = _paths.repository_directory(job.repository)
    lines = [f"LoadCredential={name}:{directory / name}" for name in ("location", "password", "environment", "options")]
    if repository:
        lines.append(f"ReadWritePaths={quoted(f'-{repository}')}")
    lines += [
        "CacheDirectory=holdfast",
        "CacheDirectoryMode=0700",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "KillMode=mixed",
        "Nice=19",
        "IOSchedulingClass=idle",
    ]
    return "\n".join(lines)


def _to_write(repository: Path | None) -> list[str]:
    """What it takes to write into a repository on this host whose directories, or those above it, are not root's.

    All else is read-only to the units, whoever owns it.
    """
    return ["CAP_DAC_OVERRIDE"] if repository else []


def _reads_tmp(job: Job) -> bool:
    """Whether a source lies in one of the folders that PrivateTmp= replaces, or holds one of them."""
    private = ("/tmp", "/var/tmp")
    return any(os.path.commonpath([path, folder]) in (path, folder) for path in job.paths for folder in private)


def escape(text: str) -> str:
    """The text as a value in a unit file: specifiers are not expanded."""
    return text.replace("%", "%%")


def quoted(text: str) -> str:
    """The text as one word of a list in a unit file, whatever it holds: systemd.syntax(7), "Quoting"."""
    return '"' + escape(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
