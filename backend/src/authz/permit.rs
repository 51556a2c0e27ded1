//! Permits: proof that the gate let this caller do this on this. Nobody else can make one.

use super::action::{Action, OpenAction};
use crate::{authn::actor::Actor, store::access::Credential};
use berth_domain::id::RequestId;
use sha2::{Digest as _, Sha256};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// Proof that the caller may do `A` on the scope within. Asked for by handlers, services and store alike.
pub struct Permit<A: Action> {
    actor: Actor,
    scope: A::Scope,
    request: RequestContext,
    credential: Credential,
}

impl<A: Action> Permit<A> {
    /// For the gate.
    pub(super) fn new(actor: Actor, scope: A::Scope, request: RequestContext, credential: Credential) -> Self {
        Self { actor, scope, request, credential }
    }
    /// Who.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
    /// On what.
    pub fn scope(&self) -> &A::Scope {
        &self.scope
    }
    /// In which request.
    pub fn request(&self) -> &RequestContext {
        &self.request
    }
    /// For asking the gate again while a stream is open.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// A request that needs nobody signed in. Made by the gate too, which checks where the call came from.
pub struct Open<A: OpenAction> {
    request: RequestContext,
    action: std::marker::PhantomData<fn() -> A>,
}

impl<A: OpenAction> Open<A> {
    pub(super) fn new(request: RequestContext) -> Self {
        Self { request, action: std::marker::PhantomData }
    }
    /// Which request.
    pub fn request(&self) -> &RequestContext {
        &self.request
    }
}

/// The request, for the audit trail and for idempotency.
#[derive(Clone)]
pub struct RequestContext {
    /// Names it in logs, answers and audit rows.
    pub id: RequestId,
    /// The caller's address.
    pub source: String,
    key: Option<Arc<Key>>,
}

struct Key {
    text: String,
    /// SHA-256 of method and path.
    call_sha256: [u8; 32],
    /// SHA-256 of that and the body; not there before the body was read.
    request_sha256: OnceLock<[u8; 32]>,
    taken: AtomicBool,
}

/// A key that its effect's transaction writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// As the caller chose it.
    pub key: String,
    /// SHA-256 of method, path and body.
    pub request_sha256: [u8; 32],
}

impl RequestContext {
    /// Without an idempotency key.
    pub fn new(id: RequestId, source: impl Into<String>) -> Self {
        Self { id, source: source.into(), key: None }
    }
    /// With the key that came in the header, and SHA-256 of the method and path with which it came.
    #[must_use]
    pub fn with_key(mut self, text: String, call_sha256: [u8; 32]) -> Self {
        let (request_sha256, taken) = (OnceLock::new(), AtomicBool::new(false));
        self.key = Some(Arc::new(Key { text, call_sha256, request_sha256, taken }));
        self
    }
    /// The key, if one came.
    pub fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.text.as_str())
    }
    /// Says with which body the key was sent, once it is read and before the first transaction begins.
    pub fn set_body_sha256(&self, sha256: [u8; 32]) {
        if let Some(key) = &self.key {
            let whole = || Sha256::new().chain_update(key.call_sha256).chain_update(sha256).finalize().into();
            key.request_sha256.get_or_init(whole);
        }
    }
    /// SHA-256 of method, path and body; none without a key, or while the body is still to be read.
    pub fn request_sha256(&self) -> Option<&[u8; 32]> {
        self.key.as_ref()?.request_sha256.get()
    }
    /// The claim, for the request's first transaction; nothing for others.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let key = self.key.as_ref()?;
        let request_sha256 = *key.request_sha256.get()?;
        (!key.taken.swap(true, Ordering::SeqCst)).then(|| Claim { key: key.text.clone(), request_sha256 })
    }
}

/// Leave to act for the platform itself, over all tenants. Made in `startup` for reconcilers, and in `service` for
/// set-up and sign-in, where nobody can be asked for a right yet.
#[derive(Debug, Clone, Copy)]
pub struct SystemPermit {
    duty: &'static str,
}

impl SystemPermit {
    /// For one duty, by its name: `placement`, `sign-in`.
    pub(crate) const fn for_duty(duty: &'static str) -> Self {
        Self { duty }
    }
    /// Its name.
    pub const fn duty(&self) -> &'static str {
        self.duty
    }
}
