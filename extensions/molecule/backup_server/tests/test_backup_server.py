# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on the server when all is done, looked at without the role that put it there."""

from __future__ import annotations

from typing import Any

import pytest

PLACE = "/srv/vault/app1"


@pytest.fixture
def vault(host: Any) -> Any:
    if host.backend.get_hostname() != "vault":
        pytest.skip("about the server")
    return host


def test_the_repository_belongs_to_an_account_that_nobody_can_log_in_to(vault: Any) -> None:
    place = vault.file(PLACE)
    assert (place.user, place.mode) == ("vault-app1", 0o700)
    assert vault.user("vault-app1").shell == "/usr/sbin/nologin"
    assert vault.check_output(f"find {PLACE} ! -user vault-app1") == ""


def test_the_account_that_may_log_in_owns_nothing_and_has_no_shell(vault: Any) -> None:
    assert vault.check_output("find / -xdev -user backup-app1 -not -path '/proc/*'") == ""
    assert vault.user("backup-app1").shell == "/usr/local/lib/holdfast/vault-session"
    assert vault.run("runuser -u backup-app1 -- ls %s", PLACE).rc != 0


def test_nothing_was_written_beside_the_repository(vault: Any) -> None:
    assert not vault.file("/tmp/was_here").exists


@pytest.mark.parametrize("unit", ["holdfast-vault-app1@x.service", "holdfast-vault-retention-app1@x.service"])
def test_the_units_are_confined(vault: Any, unit: str) -> None:
    assert vault.run("systemd-analyze security --offline=true --threshold=15 %s", unit).rc == 0


def test_only_root_and_the_owner_read_the_password(vault: Any) -> None:
    file = vault.file("/etc/holdfast/vault/app1/password")
    assert (file.user, file.mode) == ("vault-app1", 0o600)


def test_a_client_that_is_absent_has_left_its_repository(vault: Any) -> None:
    assert not vault.user("backup-idle").exists
    assert not vault.file("/etc/systemd/system/holdfast-vault-idle.socket").exists
    assert not vault.file("/etc/holdfast/vault/keys/backup-idle").exists
    assert vault.file("/srv/vault/idle").is_directory


def test_sessions_end(vault: Any) -> None:
    assert vault.check_output("systemctl list-units --plain --no-legend 'holdfast-vault-*@*.service'") == ""
