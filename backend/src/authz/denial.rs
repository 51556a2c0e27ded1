//! Denied calls of known people go to the audit trail.

use super::{permit::RequestContext, scope::Resolved};
use crate::{
    authz::permit::SystemPermit,
    store::{
        Store, StoreError, SystemTx,
        access::Access,
        audit::{AuditResult, AuditRow},
    },
};
use uuid::Uuid;

/// Writes that `access` was denied `action` at `place`, into the chain of the tenant that it concerns.
pub(super) async fn record(
    store: &Store,
    access: &Access,
    action: &'static str,
    place: &Resolved,
    request: &RequestContext,
) -> Result<(), StoreError> {
    let tx = SystemTx::begin(store, &SystemPermit::for_duty("denials")).await?;
    let names = [
        place.tenant.as_ref().map(|t| (t.name.clone(), t.id.uuid())),
        place.project.as_ref().map(|p| (p.name.clone(), p.id.uuid())),
        place.environment.as_ref().map(|e| (e.name.clone(), e.id.uuid())),
    ];
    let target_id: Option<Uuid> = names.iter().flatten().last().map(|(_, id)| *id);
    let target = names.into_iter().flatten().map(|(name, _)| name).collect::<Vec<_>>().join("/");
    let row = AuditRow {
        id: tx.id(),
        tenant: place.tenant.as_ref().map(|t| t.id),
        at: tx.now(),
        actor_id: Some(access.user),
        actor: access.email.clone(),
        action: action.to_owned(),
        target,
        target_id,
        result: AuditResult::Denied,
        request_id: request.id,
        source: request.source.clone(),
        before: None,
        after: None,
    };
    tx.commit_audited(row).await
}
