"""Tables of this wing, gathered for the metadata."""

from control.privilege.accounts.models import AccountChange, PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.keys.models import ApiKey, ApiKeyUse
from control.privilege.requests.models import PrivilegeApproval, PrivilegeRequest
from control.privilege.vault.models import (
    SecretCheckout,
    SecretCustody,
    SecretRelease,
    SecretReleaseTold,
    SecretRotation,
    SecretVersion,
)

__all__ = [
    "AccountChange",
    "ApiKey",
    "ApiKeyUse",
    "Asset",
    "AuthorisingDocument",
    "PrivilegeApproval",
    "PrivilegeGrant",
    "PrivilegeRequest",
    "PrivilegedAccount",
    "SecretCheckout",
    "SecretCustody",
    "SecretRelease",
    "SecretReleaseTold",
    "SecretRotation",
    "SecretVersion",
]
