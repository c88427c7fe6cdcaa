"""Embedded servers and the supervisor behind `bin/up` and the tests.

Everything here is for one machine: it makes accounts, picks ports, starts real servers under a data directory
and stops them by process id. Production does not use it: there each process is a unit of the host's own
service manager.
"""
