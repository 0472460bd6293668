# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this machine gets its packages from, so that the lab's hosts get theirs from the same place."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from holdfast_lab.processes import run
from holdfast_lab.progress import LabError

OVERRIDE = "HOLDFAST_LAB_MIRROR"
_APT = Path("/etc/apt")


@dataclass(frozen=True)
class Archive:
    """Debian's archive as this machine reaches it."""

    main: str
    """URL that holds the releases and their updates."""
    security: str | None
    """URL that holds the security updates; None when this machine uses none."""

    def lines(self, distro: str) -> list[str]:
        """The lines of a sources.list for this distribution, with its updates and security."""
        suites = [(self.main, distro), (self.main, f"{distro}-updates")]
        if self.security:
            suites.append((self.security, f"{distro}-security"))
        return [f"deb {_through_the_cache(url)} {suite} main" for url, suite in suites]


def _through_the_cache(url: str) -> str:
    # apt-cacher-ng fetches http://HTTPS///host/path over TLS; a client that spoke TLS itself could not be cached.
    return re.sub(r"^https://", "http://HTTPS///", url)


def archive() -> Archive:
    """Debian's archive from ``$HOLDFAST_LAB_MIRROR`` (one URL, or two with the security archive), else apt's sources.

    :raises LabError: when neither names one
    """
    given = os.environ.get(OVERRIDE, "").split()
    if given:
        return Archive(given[0], given[1] if len(given) > 1 else None)
    codename = _codename()
    entries = [(url, suite) for url, suite in _entries() if re.match("https?://", url)]
    main = next((url for url, suite in entries if suite == codename), None)
    security = next((url for url, suite in entries if suite in (f"{codename}-security", "stable-security")), None)
    if main is None or _distribution() != "debian":
        raise LabError(
            "the apt sources of this machine name no Debian archive over http: "
            f'set {OVERRIDE}="URL [URL of the security archive]".'
        )
    return Archive(main.rstrip("/"), security.rstrip("/") if security else None)


def _os_release(key: str) -> str:
    found = re.search(rf'^{key}="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE)
    return found.group(1) if found else ""


def _codename() -> str:
    return _os_release("VERSION_CODENAME")


def _distribution() -> str:
    return _os_release("ID")


def _entries() -> Iterator[tuple[str, str]]:
    """Pairs of URL and suite of all enabled binary sources that have the component main (sources.list(5))."""
    for path in [_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*.list"))]:
        if path.exists():
            yield from _one_line_entries(path.read_text())
    for path in sorted((_APT / "sources.list.d").glob("*.sources")):
        yield from _deb822_entries(path.read_text())


def _one_line_entries(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        fields = re.sub(r"\[[^]]*\]", "", line.split("#")[0]).split()
        if len(fields) >= 4 and fields[0] == "deb" and "main" in fields[3:]:
            yield _resolved(fields[1]), fields[2]


def _deb822_entries(text: str) -> Iterator[tuple[str, str]]:
    without_comments = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", without_comments):
        joined = re.sub(r"\n[ \t]+", " ", stanza)
        values = {key.lower(): value.split() for key, value in re.findall(r"^([\w-]+):(.*)$", joined, re.MULTILINE)}
        enabled = values.get("enabled", ["yes"]) not in (["no"], ["false"])
        if enabled and "deb" in values.get("types", []) and "main" in values.get("components", []):
            for url in values.get("uris", []):
                yield from ((_resolved(url), suite) for suite in values.get("suites", []))


def _resolved(url: str) -> str:
    """The first mirror of a list kept in a file (apt-transport-mirror(1), as in Debian's cloud images)."""
    if not url.startswith("mirror+file:"):
        return url
    mirrors = Path(url[len("mirror+file:") :]).read_text().split()
    return next((mirror for mirror in mirrors if mirror.startswith("http")), url)


def setting(name: str) -> str:
    """The value of one of this machine's apt settings, empty when it is not set."""
    found = re.search(r"='(.*)'", run(["apt-config", "shell", "value", name]))
    return found.group(1) if found else ""


def settings_for_hosts(proxy: str) -> list[str]:
    """Lines of an apt.conf for hosts: the cache as proxy, and what this machine says on the age of indexes."""
    lines = [f'Acquire::http::Proxy "{proxy}";', 'Acquire::Languages "none";']
    ages = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")
    return lines + [f'{name} "{setting(name)}";' for name in ages if setting(name)]
