"""Restrictions that a test puts on a command before it starts: permissions that hold for the superuser too."""

from __future__ import annotations

import ctypes
import os

PR_CAPBSET_DROP = 24
PERMISSIONS_DO_NOT_APPLY = (1, 2)
"""The superuser's CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
VERSION_3 = 0x20080522
"""Of the capability sets, which are two words of 32 bits each."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def obey_permissions() -> None:
    """Give up the right to ignore the permissions of files and folders, for this process and all that it starts."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(VERSION_3, 0), (_Sets * 2)()
    assert libc.capget(ctypes.byref(header), sets) == 0
    for capability in PERMISSIONS_DO_NOT_APPLY:
        # programs that are started later get the superuser's rights back, except those dropped here
        assert libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0
        for name in ("effective", "permitted", "inheritable"):
            setattr(sets[0], name, getattr(sets[0], name) & ~(1 << capability))
    assert libc.capset(ctypes.byref(header), sets) == 0
