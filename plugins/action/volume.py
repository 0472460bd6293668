# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of ``volume``: send what volumes are seeded from, but only where a volume is to be seeded.

The module is asked first what it would do. When that is nothing, its answer is the task's.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

_KINDS = ("directory", "archive")


@dataclass(frozen=True)
class Source:
    """What lies on the control node for a volume."""

    volume: str
    kind: str
    path: str


def sources_in(arguments: Mapping[str, Any]) -> list[Source]:
    """The sources on the control node that the task names. What is no sound option is left to the module to refuse."""
    volumes = arguments.get("volumes")
    items = [arguments, *(volumes if isinstance(volumes, list) else [])]
    return [source for item in items if isinstance(item, dict) for source in _sources_of(item)]


def _sources_of(item: Mapping[str, Any]) -> Iterator[Source]:
    seed = item.get("seed")
    if not isinstance(seed, dict) or boolean(seed.get("remote_src") or False, strict=False):
        return
    name = str(item.get("name") or item.get("volume_name") or "")
    for kind in _KINDS:
        if seed.get(kind):
            yield Source(name, kind, str(seed[kind]))


def wanted(answer: Mapping[str, Any]) -> set[str]:
    """The volumes that would be seeded: they have an origin whose digest is not known yet."""
    volumes = answer.get("volumes") or ()
    return {volume["name"] for volume in volumes if (volume.get("seeded") or {"digest": ""})["digest"] is None}


class ActionModule(ActionBase):
    """Runs the module once when nothing has to be sent, else twice."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = deepcopy(dict(self._task.args))
        sources = sources_in(arguments)
        if not sources:
            asynchronous = bool(self._task.async_val)
            answer = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=asynchronous)
        elif self._task.async_val:
            raise AnsibleActionFail(
                f"volume {sources[0].volume}: seed.{sources[0].kind}: cannot be sent by a task in the background. Take "
                "async off the task, or put it on the host before and set remote_src."
            )
        else:
            answer = self._seed(arguments, sources, task_vars or {})
        result.update(answer)
        return result

    def _seed(self, arguments: dict[str, Any], sources: list[Source], task_vars: dict[str, Any]) -> dict[str, Any]:
        with self._only_asking():
            predicted: dict[str, Any] = self._execute_module(module_args=deepcopy(arguments), task_vars=task_vars)
        needed = [source for source in sources if source.volume in wanted(predicted)]
        paths = [self._find(source) for source in needed]
        is_nothing = not (predicted.get("changed") or predicted.get("failed") or predicted.get("warnings"))
        if self._task.check_mode or is_nothing:
            return predicted
        rows = enumerate(zip(needed, paths))
        arguments["_sent"] = {source.volume: self._send(source, path, number) for number, (source, path) in rows}
        answer: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars)
        return answer

    @contextmanager
    def _only_asking(self) -> Iterator[None]:
        """Let the module run in check mode, whatever the task does."""
        own = self._task.check_mode
        self._task.check_mode = True
        try:
            yield
        finally:
            self._task.check_mode = own

    def _find(self, source: Source) -> str:
        """The path on the control node, looked for as ``copy`` does."""
        noun = f"volume {source.volume}: seed.{source.kind}: {source.path}"
        try:
            path = str(self._find_needle("files", os.path.expanduser(source.path)))
        except AnsibleError:
            raise AnsibleActionFail(
                f"{noun} was not found on the control node, nowhere where copy would look for it. Check the path, or "
                "set remote_src. Nothing was changed."
            ) from None
        if os.path.isdir(path) != (source.kind == "directory"):
            other = "a directory" if os.path.isdir(path) else "a file"
            raise AnsibleActionFail(
                f"{noun} is {other} on the control node. Set the other option. Nothing was changed."
            )
        return path

    def _send(self, source: Source, path: str, number: int) -> str:
        """Transfer a file, or a directory as a tar; where it is on the host, until the task ends."""
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        folder = self._connection._shell.tmpdir
        sent = str(self._connection._shell.join_path(folder, f"seed-{number}"))
        if source.kind == "archive":
            self._transfer_file(self._loader.get_real_file(path), sent)
        else:
            with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as local:
                packed = os.path.join(local, "seed.tar")
                pack(path, packed, self._loader.get_real_file)
                self._transfer_file(packed, sent)
        self._fixup_perms2((folder, sent))
        return sent


def pack(directory: str, target: str, real_file: Callable[[str], str]) -> None:
    """Write a tar of all that the directory holds; ``real_file`` names a file decrypted, if it is encrypted."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(directory, ".", recursive=False)
        for folder, folders, files in os.walk(directory):
            for name in sorted(folders + files):
                _pack_one(archive, os.path.join(folder, name), directory, real_file)


def _pack_one(archive: tarfile.TarFile, path: str, directory: str, real_file: Callable[[str], str]) -> None:
    info = archive.gettarinfo(path, os.path.relpath(path, directory))
    if info is None:  # a socket
        return
    if not info.isreg():
        archive.addfile(info)
        return
    real = real_file(path)
    with open(real, "rb") as content:
        info.size = os.fstat(content.fileno()).st_size
        archive.addfile(info, content)
