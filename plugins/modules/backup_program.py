#!/usr/bin/python
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_program
short_description: Install the command holdfast on a host that has no backup jobs of its own
version_added: 0.1.0
description:
  - Brings the program C(holdfast) to the host, or up to date. M(holdfast.persistence.backup_timer) does the same for
    hosts with jobs, so only others need this, such as a server that removes the old snapshots of its clients.
  - The program is the same, byte for byte, whichever module brought it.
extends_documentation_fragment:
  - holdfast.persistence.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options: {}
requirements:
  - root
seealso:
  - module: holdfast.persistence.backup_timer
author:
  - the holdfast.persistence contributors (@holdfast)
"""

EXAMPLES = r"""
- name: The command holdfast
  holdfast.persistence.backup_program:
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample:
    - install the program /usr/local/sbin/holdfast
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._privilege import require_root
from ..module_utils.backups import _program
from ..module_utils.runner import _paths
from ..module_utils.runner._problem import Problem


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        require_root("backup_program", f"the program {_paths.COMMAND}")
        stale = [str(path) for path in _program.stale()]
        if stale and not module.check_mode:
            _program.install()
    except Problem as problem:
        module.fail_json(msg=str(problem), actions=[], changed=False)
    except OSError as error:
        module.fail_json(
            msg=f"program {_paths.COMMAND}: could not be written: {error}. Mend what the system says, and run again.",
            actions=[],
            changed=False,
        )
    actions = [f"install the program {_paths.COMMAND} ({', '.join(stale)})"] if stale else []
    diff = {"before": "", "after": "".join(f"{path}\n" for path in stale)}
    module.exit_json(changed=bool(stale), actions=actions, diff=diff)


if __name__ == "__main__":
    main()
