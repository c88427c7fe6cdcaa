"""Tables of this wing, gathered for the metadata."""

from control.privilege.accounts.models import AccountChange, AccountEdit, PrivilegedAccount
from control.privilege.agreements.models import ProviderAgreement
from control.privilege.api.models import ApiOnce
from control.privilege.assets.models import Asset
from control.privilege.breakglass.models import BreakGlassAccount, BreakGlassOpening, BreakGlassUse
from control.privilege.documents.models import AuthorisingDocument, DocumentSignature, DocumentWithdrawal
from control.privilege.grants.models import GrantStep, GrantUse, PrivilegeGrant
from control.privilege.imports.models import AccountImport
from control.privilege.keys.models import ApiKey, ApiKeyAddress, ApiKeyFlag, ApiKeyUse
from control.privilege.lifecycle.models import (
    AccountHandover,
    AccountRequest,
    AccountRequestLine,
    AccountRequestPaper,
)
from control.privilege.notices.models import AccountNotice
from control.privilege.personnel.models import AccountDormancy, PersonnelChange, PersonnelSnapshot
from control.privilege.population.models import (
    PopulationCustodian,
    PopulationLink,
    PopulationLinkCheck,
    PopulationListed,
    PopulationPaper,
    PopulationRegistration,
    PopulationRight,
)
from control.privilege.population.uses import (
    PopulationExchange,
    PopulationLeak,
    PopulationLeakAccount,
    PopulationMismatch,
    PopulationQuery,
    PopulationRun,
    PopulationSeat,
    PopulationUse,
)
from control.privilege.processes.models import AccountProcess, AccountRight, ProcessStep
from control.privilege.requests.models import PrivilegeApproval, PrivilegeRequest
from control.privilege.reviews.models import AccessReview, AccessReviewItem
from control.privilege.rulesets.models import AccountRuleSet
from control.privilege.vault.models import (
    SecretCheckout,
    SecretCustody,
    SecretRelease,
    SecretReleaseTold,
    SecretRotation,
    SecretVersion,
)

__all__ = [
    "AccessReview",
    "AccessReviewItem",
    "AccountChange",
    "AccountDormancy",
    "AccountEdit",
    "AccountHandover",
    "AccountImport",
    "AccountNotice",
    "AccountProcess",
    "AccountRequest",
    "AccountRequestLine",
    "AccountRequestPaper",
    "AccountRight",
    "AccountRuleSet",
    "ApiKey",
    "ApiKeyAddress",
    "ApiKeyFlag",
    "ApiKeyUse",
    "ApiOnce",
    "Asset",
    "AuthorisingDocument",
    "BreakGlassAccount",
    "BreakGlassOpening",
    "BreakGlassUse",
    "DocumentSignature",
    "DocumentWithdrawal",
    "GrantStep",
    "GrantUse",
    "PersonnelChange",
    "PersonnelSnapshot",
    "PopulationCustodian",
    "PopulationExchange",
    "PopulationLeak",
    "PopulationLeakAccount",
    "PopulationLink",
    "PopulationLinkCheck",
    "PopulationListed",
    "PopulationMismatch",
    "PopulationPaper",
    "PopulationQuery",
    "PopulationRegistration",
    "PopulationRight",
    "PopulationRun",
    "PopulationSeat",
    "PopulationUse",
    "PrivilegeApproval",
    "PrivilegeGrant",
    "PrivilegeRequest",
    "PrivilegedAccount",
    "ProcessStep",
    "ProviderAgreement",
    "SecretCheckout",
    "SecretCustody",
    "SecretRelease",
    "SecretReleaseTold",
    "SecretRotation",
    "SecretVersion",
]
