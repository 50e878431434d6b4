"""What each agent may read and write: its declared scope, apart from its code, so that the daemon need not load it.

The kernel reads for an agent through this scope and takes nothing from it beyond it, whatever its code does.
"""

from __future__ import annotations

from typing import Final

from quarterdeck_daemon.core.declared import ANY, Declared, ReadScope, WriteScope

NOTHING: Final[tuple[str, ...]] = ()
SILENT: Final = WriteScope(facts=NOTHING, memories=NOTHING, effects=NOTHING)

SCOPES: Final[dict[str, Declared]] = {
    "extractor": Declared(
        read=ReadScope(facts=("client", "contact", "lead"), memories=NOTHING, records=("document", "fact")),
        write=WriteScope(facts=("lead",), memories=NOTHING, effects=NOTHING),
    ),
    "qualifier": Declared(
        read=ReadScope(
            facts=("client", "contact", "lead", "policy", "product"), memories=NOTHING, records=("document", "fact")
        ),
        write=SILENT,
    ),
    "composer": Declared(
        read=ReadScope(facts=(ANY,), memories=(ANY,), records=("document", "fact", "memory", "asset")),
        write=SILENT,
        context_tokens=1_500,
        context_query="${input.lead.need}",
    ),
    "outreach": Declared(
        read=ReadScope(facts=("client", "contact", "lead"), memories=NOTHING, records=("document", "fact")),
        write=WriteScope(facts=NOTHING, memories=NOTHING, effects=("mail.send",)),
    ),
    "planner": Declared(
        read=ReadScope(facts=("contact",), memories=NOTHING, records=("fact",)),
        write=SILENT,
    ),
    "clerk": Declared(
        read=ReadScope(facts=NOTHING, memories=NOTHING, records=NOTHING),
        write=WriteScope(facts=NOTHING, memories=NOTHING, effects=(ANY,)),
    ),
    "corrector": Declared(
        read=ReadScope(facts=NOTHING, memories=NOTHING, records=("action",)),
        write=WriteScope(facts=NOTHING, memories=NOTHING, effects=("mail.send",)),
    ),
}
