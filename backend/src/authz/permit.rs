//! Permits: proof that the gate let this caller do this on this. Nobody else can make one.

use super::action::{Action, OpenAction};
use crate::{authn::actor::Actor, store::access::Credential};
use berth_domain::id::RequestId;
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
    /// With the key that came in the header.
    #[must_use]
    pub fn with_key(mut self, key: Option<String>) -> Self {
        self.key =
            key.map(|text| Arc::new(Key { text, request_sha256: OnceLock::new(), taken: AtomicBool::new(false) }));
        self
    }
    /// The key, if one came.
    pub fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.text.as_str())
    }
    /// Says what the key was sent with, once the body is read.
    pub fn set_request_sha256(&self, sha256: [u8; 32]) {
        if let Some(key) = &self.key {
            key.request_sha256.get_or_init(|| sha256);
        }
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
