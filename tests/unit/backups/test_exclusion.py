# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths restic's patterns leave out, and that a source is not one of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _exclusion
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

PATTERNS = [
    ("lib", True),
    ("*", True),
    ("l?b", True),
    ("[k-m]ib", True),
    ("[^l]ib", False),
    ("l\\\\ib".replace("\\\\", "\\"), True),
    ("lib/docker", True),
    ("lib/docker/", True),
    ("lib/volumes", False),
    ("lib/**/data", True),
    ("/var", True),
    ("/lib", False),
    ("/**", True),
    ("/var/**/data", True),
    ("/var/lib/docker/data", True),
    ("/var/lib/docker/data/cache", False),
    ("data/cache", False),
    ("Lib", False),
    ("[", False),
]
PLACE = "var/lib/docker/data"


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_a_pattern_matches_at_or_above_a_path(pattern: str, expected: bool) -> None:
    assert bool(_exclusion.leaving_out([pattern], f"/{PLACE}")) is expected


@pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed")
def test_restic_sees_it_the_same_way(tmp_path: Path) -> None:
    restic = ["restic", f"--repo={tmp_path / 'repository'}", f"--cache-dir={tmp_path / 'cache'}", "--quiet"]
    environment = {"RESTIC_PASSWORD": "secret", "PATH": "/usr/bin:/bin"}
    subprocess.run([*restic, "init"], env=environment, check=True)
    place = tmp_path / PLACE
    place.mkdir(parents=True)
    (place / "file").touch()
    other = tmp_path / "other"
    other.touch()
    for pattern, expected in PATTERNS:
        if pattern in ("*", "/**", "["):  # these match the directory of the test too, or nothing
            continue
        rooted = f"{tmp_path}{pattern}" if pattern.startswith("/") else pattern
        backup = [*restic, "backup", f"--exclude={rooted}", str(place), str(other)]
        subprocess.run(backup, env=environment, check=True)
        listed = subprocess.run([*restic, "ls", "latest"], env=environment, check=True, capture_output=True, text=True)
        assert (str(place) not in listed.stdout.splitlines()) is expected, pattern


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((), ""),
        (("*.tmp", "lib"), "lib"),
        (("*", "!lib"), ""),
        (("*", "!lib", "docker"), "docker"),
        (("!lib", "*"), "*"),
    ],
)
def test_an_exclamation_mark_brings_back(patterns: tuple[str, ...], found: str) -> None:
    assert _exclusion.leaving_out(patterns, f"/{PLACE}") == found


def test_a_source_left_out_whole_is_refused() -> None:
    job = Job(name="app", repository="main", paths=(f"/{PLACE}",), exclude=("cache", "lib"))
    with pytest.raises(Problem, match=r"job app: paths /var/lib/docker/data: exclude 'lib' leaves it out whole"):
        _exclusion.refuse(job, f"paths /{PLACE}", f"/{PLACE}")
