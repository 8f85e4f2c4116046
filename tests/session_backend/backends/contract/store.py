"""The contract of every engine: Django's own tests of session stores, and ours."""

from __future__ import annotations

from tests.session_backend.backends.contract.activity import ActivityTests
from tests.session_backend.backends.contract.data import DataTests
from tests.session_backend.backends.contract.digests import DigestTests
from tests.session_backend.backends.contract.encoding import EncodingTests
from tests.session_backend.backends.contract.expiry import ExpiryTests
from tests.session_backend.backends.contract.identity import IdentityTests
from tests.session_backend.backends.contract.lifecycle import LifecycleTests
from tests.session_backend.backends.contract.revocation import RevocationTests
from tests.session_backend.backends.contract.transactions import TransactionTests

__all__ = ["StoreTests"]


class StoreTests(
    DataTests,
    LifecycleTests,
    ExpiryTests,
    EncodingTests,
    IdentityTests,
    DigestTests,
    RevocationTests,
    TransactionTests,
    ActivityTests,
):
    """Subclasses name an ``engine``; with ``is_async`` its async methods are called."""
