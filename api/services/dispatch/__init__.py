"""社区派单: batches are ordered here, worked out and applied by the worker.

`planning`, `gathering` and `following` load numpy and belong to the worker; `batches`, `reading` and `settings` to
everybody.
"""
