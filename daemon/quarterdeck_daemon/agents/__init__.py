"""Agents of tier 0: rules and templates over plain data, no model, the same answer every time.

`table.run_agent` is the way in; each file of an agent documents its contract. Agents run in worker
processes, see only what their step read, and can do no more than propose.
"""
