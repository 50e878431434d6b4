"""Connectors: thin translators between an outside system and our vocabulary. They run in the effector.

`registry.build_connectors` gives what can act, `registry.build_sources` what can be read. Nothing here decides
whether something may be done; that was decided before, and the effector checks it again.
"""
