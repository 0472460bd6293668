#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_run
short_description: Run a backup job now, and wait for its result
version_added: 0.1.0
author:
  - The holdfast.persistence contributors (@holdfast)
description:
  - Starts the systemd service of a backup job, the same that its timer starts, and waits until it has ended.
  - While it runs, the progress is shown on the controller.
  - A run that is going on already is not started twice, it is joined.
  - Succeeds only when a whole snapshot was made. A snapshot that lacks data which could not be read is a failure.
extends_documentation_fragment:
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - A run makes a snapshot, it does not change a resource.
  idempotent:
    support: N/A
    details:
      - Every run makes a snapshot.
options:
  name:
    description:
      - The backup job, as M(holdfast.persistence.backup_timer) wrote it.
    type: str
    required: true
  timeout:
    description:
      - How long to wait for the end, as a number with one of the units V(s), V(min), V(h), V(d), V(w).
      - When it is over, the module fails, and the run goes on.
      - If not set, it is the job's own time-out and one minute.
    type: str
  wait:
    description:
      - Return after this time, written as in O(timeout), even when the run has not ended. RV(running) tells.
      - If not set, the module waits for the end.
    type: str
  invocation_id:
    description:
      - Wait for this run, which an earlier call returned as RV(invocation_id), and start none.
    type: str
requirements:
  - root
  - systemd 249 or newer
seealso:
  - module: holdfast.persistence.backup_timer
  - module: holdfast.persistence.backup_restore
"""

EXAMPLES = r"""
- name: Back up before the upgrade
  holdfast.persistence.backup_run:
    name: nightly

- name: Start a backup and do not wait for its end
  holdfast.persistence.backup_run:
    name: nightly
    wait: 0s
  register: backup

- name: Wait for that same backup
  holdfast.persistence.backup_run:
    name: nightly
    invocation_id: "{{ backup.invocation_id }}"
    timeout: 2h
"""

RETURN = r"""
run:
  description: What the run recorded.
  returned: when it has ended
  type: dict
  contains:
    started:
      description: When it began, ISO 8601 in UTC.
      type: str
    finished:
      description: When it ended, ISO 8601 in UTC.
      type: str
    result:
      description: V(success), V(partial), V(failed), V(locked) or V(precondition).
      type: str
    exit_code:
      description: The runner's exit status.
      type: int
    seconds:
      description: How long it took.
      type: float
    snapshot:
      description: The id of the snapshot; null when none was made.
      type: str
    files:
      description: How many files the snapshot holds.
      type: int
    bytes:
      description: How many bytes they have.
      type: int
    bytes_added:
      description: By how many bytes the repository grew.
      type: int
    message:
      description: What went wrong, if anything.
      type: str
    invocation:
      description: systemd's identifier of the run.
      type: str
    filled:
      description: The sources that held data.
      type: list
      elements: str
  sample:
    started: "2026-01-01T02:00:00Z"
    finished: "2026-01-01T02:00:09Z"
    result: success
    exit_code: 0
    seconds: 9
    snapshot: 1a2b3c4d5e6f70819a2b3c4d5e6f70819a2b3c4d5e6f70819a2b3c4d5e6f7081
    files: 1204
    bytes: 3328599654
    bytes_added: 20971520
    message: ""
    invocation: 0123456789abcdef0123456789abcdef
    filled: [volume pgdata, path /srv/app]
running:
  description: Whether the run goes on.
  returned: always
  type: bool
invocation_id:
  description: systemd's identifier of the run.
  returned: outside check mode
  type: str
progress:
  description: How far the run is, as restic reports it. Null before and after restic's part.
  returned: when the run goes on
  type: dict
  sample: {percent: 0.42, bytes_done: 1288490188, total_bytes: 3328599654, files_done: 312, total_files: 700}
timeout:
  description: How many seconds this call would have waited at most.
  returned: always
  type: int
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample: [start holdfast-backup-nightly.service]
journal:
  description: The last lines of the run in the host's journal.
  returned: when the run failed
  type: list
  elements: str
"""

import time
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._privilege import require_root
from ..module_utils.backups._run import Service, View, meaning, progress_words
from ..module_utils.runner import _job
from ..module_utils.runner._problem import Problem

_GRACE = 60
"""Seconds beyond the job's time-out: systemd stops the unit then, and this says what came of it."""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "timeout": {"type": "str"},
            "wait": {"type": "str"},
            "invocation_id": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        _run(module)
    except Problem as problem:
        module.fail_json(msg=str(problem), actions=[], changed=False, running=False)


def _run(module: AnsibleModule) -> None:
    require_root("backup_run", "the job's unit and its recorded state")
    options = module.params
    job = _job.load(options["name"])
    timeout = _job.seconds(options["timeout"]) if options["timeout"] else job.timeout + _GRACE
    wait = _job.seconds(options["wait"]) if options["wait"] else timeout
    deadline = time.monotonic() + min(wait, timeout)
    service = Service(module, job.name)
    view = service.view()
    result: dict[str, Any] = {"actions": _actions(service, view, options["invocation_id"]), "timeout": timeout}
    if module.check_mode:
        module.exit_json(changed=True, running=False, **result)
    joined = options["invocation_id"] or (view.invocation if view.active_state == "activating" else "")
    result["invocation_id"] = joined or service.start(view, timeout).invocation
    view = service.wait(result["invocation_id"], deadline - time.monotonic())
    if view.busy and view.invocation == result["invocation_id"]:
        _leave_running(module, service, result, out_of_time=wait >= timeout)
    _leave_ended(module, service, view, result)


def _actions(service: Service, view: View, invocation: str | None) -> list[str]:
    if invocation:
        return []
    if view.active_state == "activating":
        return [f"join the run of {service.unit} that is going on already"]
    return [f"start {service.unit}"]


def _leave_running(module: AnsibleModule, service: Service, result: dict[str, Any], out_of_time: bool) -> None:
    progress = service.progress()
    result.update(changed=True, running=True, progress=progress)
    if not out_of_time:
        module.exit_json(**result)
        return
    far = f" ({progress_words(progress)})" if progress else ""
    module.fail_json(
        msg=f"job {service.job}: the time to wait is over, and the run is not{far}. {service.unit} goes on: follow it "
        f"with journalctl -f -u {service.unit}, or run this again with a longer timeout, which joins it.",
        **result,
    )


def _leave_ended(module: AnsibleModule, service: Service, view: View, result: dict[str, Any]) -> None:
    run = service.recorded(result["invocation_id"])
    result.update(changed=bool(run and run.snapshot), running=False, run=asdict(run) if run else None)
    # When the next run has begun already, systemd's result is that one's, and the record alone counts.
    why = meaning(view if view.invocation == result["invocation_id"] else None, run)
    if not why:
        module.exit_json(**result)
        return
    journal = service.journal(result["invocation_id"])
    noun = f"job {service.job}: "
    recorded = f": {run.message.removeprefix(noun)}" if run and run.message else ""
    lines = "\n".join(f"  {line}" for line in journal) or "  (empty)"
    module.fail_json(msg=f"{noun}{why}{recorded}\nThe journal of this run:\n{lines}", journal=journal, **result)


if __name__ == "__main__":
    main()
