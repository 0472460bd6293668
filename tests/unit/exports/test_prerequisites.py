# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kerberos and TLS need on a server, named one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.exports import _prerequisites
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._prerequisites import Host, missing_on

READY = Host(True, "6.12.1-cloud-amd64", True, frozenset({"tlshd", "rpc.svcgssd"}))
BARE = Host(False, "6.1.0-28-amd64", False, frozenset())


def test_plain_exports_need_nothing() -> None:
    assert missing_on(BARE, ["rw", "sec=sys", "xprtsec=none"]) == []


def test_a_host_that_has_all() -> None:
    assert missing_on(READY, ["sec=krb5p", "xprtsec=mtls"]) == []
    assert missing_on(replace(READY, programs=frozenset({"gssproxy"})), ["sec=krb5"]) == []


def test_a_host_that_has_nothing() -> None:
    kerberos = missing_on(BARE, ["sec=sys:krb5p"])
    assert [said.split(",")[0] for said in kerberos] == [
        "sec=krb5p needs the server's key (nfs/NAME@REALM) in /etc/krb5.keytab",
        "sec=krb5p needs rpc.svcgssd or gssproxy",
    ]
    tls = missing_on(BARE, ["xprtsec=none:tls"])
    assert [said.split(",")[0] for said in tls] == [
        "xprtsec=tls needs Linux 6.5 or newer",
        "xprtsec=tls needs tlshd",
        "xprtsec=tls needs a certificate of this server",
    ]


@pytest.mark.parametrize(("kernel", "fits"), [("6.5.0", True), ("6.4.12", False), ("10.0", True), ("x", False)])
def test_kernels(kernel: str, fits: bool) -> None:
    assert (missing_on(replace(READY, kernel=kernel), ["xprtsec=tls"]) == []) is fits


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("[authenticate.server]\nx509.certificate = /etc/a.pem\n", True),
        ("[authenticate.server]\n#x509.certificate = /etc/a.pem\n", False),
        ("[authenticate.server]\n[authenticate.client]\nx509.certificate=/etc/a.pem\n", False),
        ("[authenticate.client]\nx509.certificate=/etc/a.pem\n", False),
    ],
)
def test_the_servers_certificate_is_meant(settings: str, found: bool) -> None:
    assert bool(_prerequisites._CERTIFICATE.search(_prerequisites._server_section(settings))) is found
