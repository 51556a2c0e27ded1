//! From a request's headers to a credential, still without the database: form, signature, time.

use super::{
    origin,
    session::{AccessError, Sessions},
    token,
};
use crate::{settings::Settings, store::access::Credential};
use actix_web::{HttpRequest, http::header::AUTHORIZATION};

/// Why a request carries no credential that could be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCredential {
    /// It carries none, or one that is not ours.
    Unauthenticated,
    /// The access token has run out.
    Expired,
    /// It came by cookie, changes something, and was sent from a foreign page.
    ForeignOrigin,
}

/// Reads the credential: a bearer token if there is one, the session's cookie otherwise.
pub fn read(request: &HttpRequest, settings: &Settings, sessions: &Sessions) -> Result<Credential, NoCredential> {
    if let Some(value) = request.headers().get(AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        return secret
            .and_then(|secret| token::sha256(token::PERSONAL_PREFIX, secret))
            .map(Credential::Token)
            .ok_or(NoCredential::Unauthenticated);
    }
    let cookie = request.cookie(sessions.access_cookie()).ok_or(NoCredential::Unauthenticated)?;
    if !request.method().is_safe() && !origin::is_ours(request, settings) {
        return Err(NoCredential::ForeignOrigin);
    }
    match sessions.open_access(cookie.value()) {
        Ok(session) => Ok(Credential::Session(session)),
        Err(AccessError::Expired) => Err(NoCredential::Expired),
        Err(AccessError::Invalid) => Err(NoCredential::Unauthenticated),
    }
}
