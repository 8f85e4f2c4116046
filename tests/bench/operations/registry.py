"""All that is measured, in the order of the tables."""

from __future__ import annotations

from tests.bench.operations.base import Operation
from tests.bench.operations.endings import ClearExpired, RevokeAll, RevokeOne
from tests.bench.operations.lists import AdminList, DeviceList, PlainList, UnchangedPoll
from tests.bench.operations.requests import (
    Anonymous,
    AsyncRead,
    DueRead,
    Read,
    Roaming,
    SignIn,
    SignOut,
    UnknownCookie,
    Write,
)

__all__ = ["OPERATIONS"]

OPERATIONS: dict[str, type[Operation]] = {
    operation.name: operation
    for operation in (
        Read,
        AsyncRead,
        DueRead,
        Anonymous,
        UnknownCookie,
        Write,
        SignIn,
        SignOut,
        Roaming,
        DeviceList,
        PlainList,
        UnchangedPoll,
        RevokeOne,
        RevokeAll,
        ClearExpired,
        AdminList,
    )
}
