# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything lies on a host. Functions read the constants when called, so a test can point them elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

JOBS = Path("/etc/holdfast/jobs")
REPOSITORIES = Path("/etc/holdfast/repositories")
PROGRAM = Path("/usr/local/lib/holdfast/holdfast.pyz")
COMMAND = Path("/usr/local/sbin/holdfast")
STATE = Path("/var/lib/holdfast")
CACHE = Path("/var/cache/holdfast")
RUN = Path("/run")
METRICS = Path("/var/lib/prometheus/node-exporter")
"""Where Debian's node exporter reads files of others."""
UNITS = Path("/etc/systemd/system")
DOCKER_SOCKET = Path("/var/run/docker.sock")
FSTAB = Path("/etc/fstab")
MOUNTINFO = Path("/proc/self/mountinfo")


def job_file(job: str) -> Path:
    return JOBS / f"{job}.json"


def repository_directory(repository: str) -> Path:
    return REPOSITORIES / repository


def state_file(job: str) -> Path:
    return STATE / "state" / f"{job}.json"


def manifest_file(job: str) -> Path:
    """Goes into every snapshot: which path was which volume."""
    return STATE / "manifests" / f"{job}.json"


def entries_file(job: str) -> Path:
    """The content manifest. Goes into every snapshot too: what lay below these paths, with hashes."""
    return STATE / "manifests" / f"{job}.entries.jsonl"


def dumps_directory(job: str) -> Path:
    """What databases write of themselves for the length of a run; saved with it."""
    return STATE / "dumps" / job


def note_file(job: str) -> Path:
    """The write-ahead note of the containers that a backup stops or pauses."""
    return STATE / "stopped" / f"{job}.json"


def provenance_file(volume: str) -> Path:
    """What is remembered of a volume."""
    return STATE / "volumes" / f"{_file_name(volume)}.json"


def migration_file(volume: str) -> Path:
    """The journal of a migration that is under way."""
    return STATE / "migrations" / f"{_file_name(volume)}.json"


def seed_file(volume: str) -> Path:
    """The journal of a seed that is under way."""
    return STATE / "seeds" / f"{_file_name(volume)}.json"


def metrics_file(job: str) -> Path:
    return METRICS / f"holdfast_backup_{job}.prom"


def lock_file(repository: str) -> Path:
    return STATE / "locks" / f"{repository}.lock"


def sources_file(job: str) -> Path:
    """What ``prepare`` found, for the ``backup`` that follows it in the same unit."""
    return RUN / f"holdfast-backup-{job}" / "sources.json"


def progress_file(job: str) -> Path:
    return RUN / f"holdfast-backup-{job}" / "progress.json"


def backup_service(job: str) -> str:
    return f"holdfast-backup-{job}.service"


def backup_timer(job: str) -> str:
    return f"holdfast-backup-{job}.timer"


def retention_service(job: str) -> str:
    return f"holdfast-retention-{job}.service"


RELEASE_SERVICE = "holdfast-release.service"


def _file_name(volume: str) -> str:
    """The volume's name where a file is to have it: other drivers than the local one take slashes too."""
    return quote(volume, safe="")
