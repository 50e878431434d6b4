"""The environment our processes get: small, and without secrets, because others can read it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_env_names = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|VIRTUAL_ENV|XDG_RUNTIME_DIR|PYTHON\w+|QUARTERDECK_\w+"
)
_env_refused = re.compile(r"TOKEN|SECRET|PASSW|KEY|CREDENTIAL|PYTHONSTARTUP|PYTHONINSPECT")


def child_env(given: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment that our processes get: what Python needs, our own switches, no secrets.

    PYTHONSAFEPATH keeps modules that lie in the current folder from being imported. Matrices are small here, and
    the threads of numpy's library spin while they wait: one of them is quicker, and leaves the other cores alone.
    """
    kept = {k: v for k, v in given.items() if _env_names.fullmatch(k) and not _env_refused.search(k)}
    return {**kept, "PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
