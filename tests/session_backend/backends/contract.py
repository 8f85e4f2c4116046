"""What every engine does, however it is called.

The behaviours are those that Django documents for a session store, and asserts of its own in
``SessionTestsMixin``, and ours beside them. A test class inherits the contract and names an
engine; ``asynchronous`` makes it call the async twins.
"""

from __future__ import annotations

from tests.session_backend.backends.behaviours.activity import ActivityBehaviour
from tests.session_backend.backends.behaviours.corruption import CorruptionBehaviour
from tests.session_backend.backends.behaviours.data import DataBehaviour
from tests.session_backend.backends.behaviours.digests import DigestBehaviour
from tests.session_backend.backends.behaviours.expiry import ExpiryBehaviour
from tests.session_backend.backends.behaviours.identity import IdentityBehaviour
from tests.session_backend.backends.behaviours.lifecycle import LifecycleBehaviour
from tests.session_backend.backends.behaviours.revocation import RevocationBehaviour
from tests.session_backend.backends.behaviours.transactions import TransactionBehaviour

__all__ = ["StoreContract"]


class StoreContract(
    DataBehaviour,
    LifecycleBehaviour,
    ExpiryBehaviour,
    CorruptionBehaviour,
    IdentityBehaviour,
    DigestBehaviour,
    RevocationBehaviour,
    TransactionBehaviour,
    ActivityBehaviour,
):
    """A store of session_backend keeps all of it."""
