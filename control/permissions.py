"""Every permission: `<area>:<object>:<verb>`. Which role holds which is data in policies/roles.yaml."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What a role may do, in one alphabetical list; a retired value stays, commented."""

    ASSURANCE_CHECK_RUN = "assurance:check:run"
    ASSURANCE_EVIDENCE_EXPORT = "assurance:evidence:export"
    ASSURANCE_EVIDENCE_READ = "assurance:evidence:read"
    ASSURANCE_FINDING_ASSIGN = "assurance:finding:assign"
    ASSURANCE_FINDING_CLOSE = "assurance:finding:close"
    ASSURANCE_FINDING_EXPLAIN = "assurance:finding:explain"
    ASSURANCE_FINDING_READ = "assurance:finding:read"
    ASSURANCE_POSTURE_READ = "assurance:posture:read"
    ASSURANCE_SEARCH_SAVE = "assurance:search:save"
    ASSURANCE_TRAIL_READ = "assurance:trail:read"
    ASSURANCE_TRAIL_VERIFY = "assurance:trail:verify"
    CASES_FILE_OPEN = "cases:file:open"
    CASES_FILE_READ = "cases:file:read"
    INTERNAL_COMPONENTS_READ = "internal:components:read"
    OPERATIONS_ALERT_ACKNOWLEDGE = "operations:alert:acknowledge"
    OPERATIONS_ALERT_READ = "operations:alert:read"
    OPERATIONS_RUNBOOK_READ = "operations:runbook:read"
    OPERATIONS_RUN_CANCEL = "operations:run:cancel"
    OPERATIONS_RUN_READ = "operations:run:read"
    OPERATIONS_RUN_START = "operations:run:start"
    PEOPLE_PERSON_READ = "people:person:read"
    PEOPLE_PERSON_UNLOCK = "people:person:unlock"
    PEOPLE_ROLE_READ = "people:role:read"
    PRIVILEGE_ACCOUNT_READ = "privilege:account:read"
    PRIVILEGE_DOCUMENT_FILE = "privilege:document:file"
    PRIVILEGE_DOCUMENT_READ = "privilege:document:read"
    PRIVILEGE_GRANT_READ = "privilege:grant:read"
    PRIVILEGE_GRANT_REVOKE = "privilege:grant:revoke"
    PRIVILEGE_KEY_BLOCK = "privilege:key:block"
    PRIVILEGE_KEY_MANAGE = "privilege:key:manage"
    PRIVILEGE_KEY_READ = "privilege:key:read"
    PRIVILEGE_REQUEST_APPROVE = "privilege:request:approve"
    PRIVILEGE_REQUEST_FILE = "privilege:request:file"
    PRIVILEGE_REQUEST_READ = "privilege:request:read"
