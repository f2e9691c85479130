"""What does the company's file say about its central side?

Read here, since the stand-in imports nothing of the product.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CentralSide:
    """The names that both sides must agree on."""

    worker_role_arn: str
    auditor_role_arn: str
    responder_role_arn: str
    responder_policy_arns: tuple[str, ...]
    storage_account: str
    bucket: str
    bucket_region: str
    topic_arn: str
    storage_admin_role_arn: str
    reader_role_name: str
    handover_role_name: str
    handover_stack_name: str
    home_region: str
    roles_stack_name: str
    parent_stack_name: str
    regional_stack_name: str
    old_stack_name: str
    old_description: str
    old_role_logical_id: str
    old_trusted_principal_arn: str
    template_bucket: str
    template_bucket_region: str

    def accounts(self) -> dict[str, str]:
        """What each central account is, by number."""
        return {
            self.worker_role_arn.split(":")[4]: "portal",
            self.auditor_role_arn.split(":")[4]: "trusted",
            self.responder_role_arn.split(":")[4]: "responders",
            self.storage_account: "storage",
            self.old_trusted_principal_arn.split(":")[4]: "trusted before",
        }


def read(path: Path) -> CentralSide:
    """The central side as the file describes it. OSError, or KeyError for a missing name."""
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    storage, old = said["storage"], said["old"]
    return CentralSide(
        worker_role_arn=said["portal"]["worker_principal_arn"],
        auditor_role_arn=said["roles"]["security_audit_principal_arn"],
        responder_role_arn=said["roles"]["incident_response_principal_arn"],
        responder_policy_arns=tuple(said["roles"]["incident_response_policy_arns"]),
        storage_account=storage["account_id"],
        bucket=storage["bucket"],
        bucket_region=storage["bucket_region"],
        topic_arn=storage["topic_arn"],
        storage_admin_role_arn=storage["admin_role_arn"],
        reader_role_name=storage["reader_role_name"],
        handover_role_name=said["portal"]["handover_role_name"],
        handover_stack_name=said["portal"]["handover_stack_name"],
        home_region=said["home"]["regions"][0],
        roles_stack_name=said["roles"]["stack_name"],
        parent_stack_name=said["trails"]["parent_stack_name"],
        regional_stack_name=said["trails"]["regional_stack_name"],
        old_stack_name=old["stack_names"][0],
        old_description=old["descriptions"][0],
        old_role_logical_id=old["role_logical_ids"][0],
        old_trusted_principal_arn=old["trusted_principal_arns"][0],
        template_bucket=said["templates"]["bucket"],
        template_bucket_region=said["templates"]["bucket_region"],
    )
