# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``holdfast``. Each command imports what it needs when it runs, so that a backup starts at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Callable

from ._problem import Problem
from ._text import complain, say

_SIGINT_EXIT = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; its exit status: 0 done, 1 failed, 3 partial, 11 locked, 75 precondition not met."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(words).parse_args(words)
    try:
        return int(parsed.command(parsed))
    except Problem as problem:
        complain(str(problem))
        return problem.exit_code
    except KeyboardInterrupt:
        complain("interrupted. What systemd runs goes on; see holdfast status.")
        return _SIGINT_EXIT
    except PermissionError as error:
        if os.geteuid() == 0:
            raise
        complain(f"{error.filename}: only root may. Become root.")
        return Problem.exit_code
    except OSError as error:
        complain(f"{error.filename or 'this host'}: {error.strerror}.")
        return Problem.exit_code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="holdfast",
        description="Backups of this host: how they stand, run one now, bring data back.",
        epilog="Exit status: 0 done, 1 failed or not healthy, 3 partial, 11 locked, 75 precondition not met.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    status = _add(commands, "status", _status, "show whether the jobs are healthy, and why not")
    status.add_argument("job", metavar="JOB", nargs="?", help="only this job")
    status.add_argument("--json", action="store_true", help="print JSON")

    run = _add(commands, "run", _run, "run a job now and wait for its end")
    run.add_argument("job", metavar="JOB")

    snapshots = _add(commands, "snapshots", _snapshots, "list what can be restored")
    snapshots.add_argument("job", metavar="JOB")
    snapshots.add_argument("--json", action="store_true", help="print JSON")
    snapshots.add_argument("--host", help="those of another host (default: the job's own)")

    restore = _add(commands, "restore", _restore, "bring data back from a snapshot")
    if words[:1] == ["restore"]:
        from ._restore_command import add_arguments

        add_arguments(restore)

    accept = _add(commands, "accept", _accept, "say that what lies here is right, though it was not restored")
    accept.add_argument("job", metavar="JOB")

    for name, command, text in (
        ("prepare", _prepare, "for the job's unit: check the sources, keep the containers still"),
        ("backup", _backup, "for the job's unit: save a snapshot"),
        ("retention", _retention, "for the job's unit: remove snapshots that are not to be kept"),
    ):
        _add(commands, name, command, text).add_argument("job", metavar="JOB")
    release = _add(commands, "release", _release, "for the job's unit, at boot, or by hand: bring containers back")
    which = release.add_mutually_exclusive_group(required=True)
    which.add_argument("job", metavar="JOB", nargs="?")
    which.add_argument("--all", action="store_true", help="those of every job that is not running now")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=command)
    return parser


def _status(arguments: argparse.Namespace) -> int:
    from ._status import status

    text, healthy = status(arguments.job, arguments.json)
    say(text)
    return 0 if healthy else 1


def _run(arguments: argparse.Namespace) -> int:
    from ._run import run
    from ._status import last_run

    exit_code = run(arguments.job)
    say(last_run(arguments.job))
    return exit_code


def _snapshots(arguments: argparse.Namespace) -> int:
    from ._status import snapshots

    say(snapshots(arguments.job, arguments.host, arguments.json))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from ._restore_command import main as restore

    return restore(arguments)


def _accept(arguments: argparse.Namespace) -> int:
    from ._unrestored import accept

    say(accept(arguments.job))
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from ._backup import prepare

    _say(prepare(arguments.job))
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    from ._backup import backup

    say(backup(arguments.job))
    return 0


def _release(arguments: argparse.Namespace) -> int:
    from ._release import release, release_all

    _say(release_all() if arguments.all else release(arguments.job))
    return 0


def _retention(arguments: argparse.Namespace) -> int:
    from ._retention import retention

    say(retention(arguments.job))
    return 0


def _say(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        say(sentence)
