# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one client, by exports(5): known ones only, none against another, hardened where nothing is said."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from ..runner._problem import Problem

ACCEPTABLE = ("any_host", "async", "insecure", "no_root_squash")
"""What a client gets only with the explicit word."""

_PAIRS = (
    ("rw", "ro"),
    ("sync", "async"),
    ("secure", "insecure"),
    ("root_squash", "no_root_squash"),
    ("all_squash", "no_all_squash"),
    ("subtree_check", "no_subtree_check"),
    ("wdelay", "no_wdelay"),
    ("hide", "nohide"),
    ("crossmnt", "nocrossmnt"),
    ("secure_locks", "insecure_locks"),
    ("acl", "no_acl"),
    ("pnfs", "no_pnfs"),
)
_ALIASES = {"auth_nlm": "secure_locks", "no_auth_nlm": "insecure_locks"}
_FLAVOURS = ("sys", "none", "krb5", "krb5i", "krb5p")
_TRANSPORTS = ("none", "tls", "mtls")
_WITH_VALUE = ("anonuid", "anongid", "refer", "replicas", "ttl", "reexport")
_ALONE = ("security_label",)
_PER_FLAVOUR = ("rw", "ro", "root_squash", "no_root_squash", "all_squash", "no_all_squash")
"""What may be said once more after a sec=, and then holds for that flavour (exports(5), User ID Mapping)."""
_DEFAULTS = ("ro", "sync", "secure", "root_squash", "no_subtree_check")
_OF_THE_EXPORT = {"mountpoint": "mountpoint", "mp": "mountpoint", "fsid": "fsid"}
_ORDER = [*(word for pair in _PAIRS for word in pair), *_ALONE, *_WITH_VALUE, "xprtsec", "sec"]
_LARGEST_ID = 2**32 - 2


def hardened(given: Sequence[str], accepted: Collection[str]) -> tuple[str, ...]:
    """The options as they are written: checked, completed, and in one order, so that another order is no change.

    What of several ``sec=`` belongs to one of them stays behind it. Raises :class:`Problem`.
    """
    options = [_ALIASES.get(option.strip(), option.strip()) for option in given]
    for option in options:
        _check(option)
    sections = _sections(options)
    for section in sections:
        _check_contradictions(section)
    _check_flavours(sections)
    _check_accepted(options, accepted)
    said = {_opposites(option) for option in sections[0]}
    general = dict.fromkeys([*sections[0], *(option for option in _DEFAULTS if _opposites(option) not in said)])
    return (*sorted(general, key=_place), *(option for section in sections[1:] for option in section))


def flavours(options: Iterable[str]) -> frozenset[str]:
    """The security flavours that the options name."""
    return _listed("sec", options)


def transports(options: Iterable[str]) -> frozenset[str]:
    """What the options say of TLS."""
    return _listed("xprtsec", options)


def _listed(name: str, options: Iterable[str]) -> frozenset[str]:
    given = [option.partition("=") for option in options]
    return frozenset(word for key, _equals, value in given if key == name for word in value.split(":"))


def _check(option: str) -> None:
    name, equals, value = option.partition("=")
    if name in _OF_THE_EXPORT:
        raise Problem(
            f"options: {option} belongs to the export and not to one client. Write it as the export's own option "
            f"{_OF_THE_EXPORT[name]}."
        )
    if name in ("sec", "xprtsec"):
        _check_list(name, value, _FLAVOURS if name == "sec" else _TRANSPORTS)
    elif name in _WITH_VALUE:
        _check_value(name, value)
    elif equals or (_opposites(option) == option and option not in _ALONE):
        raise Problem(f"options: '{option}' is no option of exports(5). Known are {', '.join(_ORDER)}.")


def _check_list(name: str, value: str, known: Sequence[str]) -> None:
    words = value.split(":")
    wrong = [word for word in words if word not in known or words.count(word) > 1]
    if wrong:
        raise Problem(
            f"options: {name}={value}: '{wrong[0]}' is not known or there twice. Write one or more of "
            f"{', '.join(known)}, with colons between."
        )


def _check_value(name: str, value: str) -> None:
    if name in ("anonuid", "anongid", "ttl"):
        if not value.isdecimal() or int(value) > _LARGEST_ID:
            raise Problem(f"options: {name}={value}: '{value}' is no number up to {_LARGEST_ID}. Write one.")
    elif not re.fullmatch(r"[^\s(),\"#\\]+", value):
        raise Problem(f"options: {name}={value}: the value is empty or has signs that exportfs takes for an end.")


def _sections(options: Sequence[str]) -> list[list[str]]:
    """What holds for all flavours, and then a section for each sec=, unless there is only one."""
    sections: list[list[str]] = [[]]
    for option in options:
        if option.startswith("sec="):
            sections.append([])
        general = option not in _PER_FLAVOUR and not option.startswith("sec=")
        section = sections[0] if general else sections[-1]
        if option not in section:
            section.append(option)
    return sections if len(sections) > 2 else [[option for section in sections for option in section]]


def _check_contradictions(section: Sequence[str]) -> None:
    for index, option in enumerate(section):
        for other in section[:index]:
            same = _key(option) == _key(other) and "=" in option
            if option != other and (same or _opposites(option) == _opposites(other)):
                raise Problem(f"options: {other} and {option} contradict each other. Keep one of them.")


def _check_flavours(sections: Sequence[Sequence[str]]) -> None:
    named: set[str] = set()
    for section in sections[1:]:
        words = set(section[0].partition("=")[2].split(":"))
        if words & named:
            raise Problem(f"options: sec={':'.join(sorted(words & named))} is there twice. Keep one of them.")
        named |= words


def _check_accepted(options: Sequence[str], accepted: Collection[str]) -> None:
    for option in options:
        word, why = _risk(option)
        if word and word not in accepted:
            raise Problem(
                f"options: {option}: refused, since {why}. Leave it out, or put {word} into accept if that is meant."
            )


def _risk(option: str) -> tuple[str, str]:
    """The word that accepts the option and what it would bring about; both empty when there is no need of one."""
    if option in ("no_root_squash", "anonuid=0", "anongid=0"):
        return "no_root_squash", "root on the client would be root on this server's data"
    if option == "insecure":
        return "insecure", "every user of the client, and not only its root, could speak to the server as anyone"
    if option == "async":
        return "async", "what clients believe to be on disk would be lost when the server dies"
    return "", ""


def _opposites(option: str) -> str:
    """One word for both options of a pair; the option itself when it is of none."""
    return next(("/".join(pair) for pair in _PAIRS if option in pair), option)


def _key(option: str) -> str:
    return option.partition("=")[0]


def _place(option: str) -> tuple[int, str]:
    return _ORDER.index(_key(option)), option
