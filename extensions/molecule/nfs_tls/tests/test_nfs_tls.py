# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire to the exports is said in TLS."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(("path", "option"), [("/mnt/mutual", "xprtsec=mtls"), ("/mnt/hidden", "xprtsec=tls")])
def test_the_mount_says_so_and_works(host: Any, path: str, option: str) -> None:
    if host.check_output("hostname") == "storage":
        pytest.skip("mounts nothing")
    assert option in host.check_output("findmnt --noheadings --output OPTIONS %s", path).split(",")
    host.check_output("touch %s/written", path)


def test_every_connection_of_nfs_has_tls(host: Any) -> None:
    said = host.check_output("ss -Htino '( dport = :2049 or sport = :2049 )'")
    connections = [line for line in said.splitlines() if not line.startswith(("\t", " "))]
    assert connections
    assert said.count("tcp-ulp-tls") == len(connections)
