"""Jobs: put one in the queue inside the transaction that decides it; the worker delivers it."""

from control.operations.jobs.domain import JobContext, Task
from control.operations.jobs.queue import enqueue_in_tx

__all__ = ["JobContext", "Task", "enqueue_in_tx"]
