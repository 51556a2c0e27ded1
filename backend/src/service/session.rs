//! Signing in and out, and staying signed in.

use super::error::Error;
use crate::{
    authn::{
        session::{Access, REFRESH_GRACE, SESSION_LASTS},
        token,
    },
    authz::{
        action,
        permit::{Permit, RequestContext, SystemPermit},
    },
    startup::App,
    store::{
        SystemTx, Tx,
        audit::{AuditEntry, AuditResult, AuditRow},
        sessions::{self, NewSession},
        users,
    },
};
use berth_domain::id::{SessionId, UserId};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Longest description of a browser that is kept, in characters.
const USER_AGENT_CHARS_MAX: usize = 200;
/// Longest e-mail or password that is looked at, in bytes; a body holds more.
const TYPED_BYTES_MAX: usize = 1_024;

/// A session that was begun or went on.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// The access token.
    pub access: Access,
    /// The refresh token and for how long it is good; none when the one that was given stays replaced.
    pub refresh: Option<(String, TimeDelta)>,
}

/// Signs in with e-mail and password. Takes as long and says the same for an unknown person as for a wrong password.
pub async fn sign_in(
    app: &App,
    request: &RequestContext,
    email: &str,
    password: &str,
    user_agent: &str,
) -> Result<SignedIn, Error> {
    let email = email.trim();
    app.sign_in_limit.check(&email.chars().take(TYPED_BYTES_MAX).collect::<String>(), &request.source)?;
    if email.len() > TYPED_BYTES_MAX || password.len() > TYPED_BYTES_MAX || email.contains('\0') {
        return Err(Error::BadCredentials);
    }
    let known = users::get_sign_in(&app.store, email).await?;
    let hash = known.as_ref().map(|known| known.password_hash.as_str());
    let good = app.passwords.verify(password, hash).await?;
    let mut tx = SystemTx::begin(&app.store, &SystemPermit::for_duty("sign-in")).await?;
    // What an unknown person typed is not kept: it may be a password in the wrong field.
    let actor = known.as_ref().map(|known| (known.id, known.email.clone()));
    match known.filter(|_| good) {
        Some(known) => {
            let browser = Browser { user_agent, source: &request.source };
            let signed_in = begin(app, &mut tx, known.id, browser).await?;
            let row = audit_row(&tx, request, "session.sign_in", actor, AuditResult::Done, None);
            tx.commit_audited(row).await?;
            Ok(signed_in)
        }
        None => {
            let row = audit_row(&tx, request, "session.sign_in", actor, AuditResult::Failed, None);
            tx.commit_audited(row).await?;
            Err(Error::BadCredentials)
        }
    }
}

/// Where somebody signs in from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Browser<'a> {
    /// The browser, in its own words.
    pub user_agent: &'a str,
    /// Its address.
    pub source: &'a str,
}

/// Begins a session within a transaction that has seen who it is.
pub(super) async fn begin(app: &App, tx: &mut SystemTx, user: UserId, browser: Browser<'_>) -> Result<SignedIn, Error> {
    let id: SessionId = tx.id();
    let refresh = app.sessions.refresh_token();
    let created_at = tx.now();
    let agent: String = browser.user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
    let session = NewSession {
        id,
        user,
        refresh_sha256: hash(&refresh)?,
        user_agent: &agent,
        source: browser.source,
        created_at,
        expires_at: created_at + SESSION_LASTS,
    };
    sessions::insert_session(tx.conn(), session).await?;
    Ok(SignedIn { user, access: app.sessions.access(user, id)?, refresh: Some((refresh, SESSION_LASTS)) })
}

/// Trades a refresh token for an access token and the next refresh token.
///
/// A token that was replaced is good for an access token within [`REFRESH_GRACE`], for two tabs that refresh at once.
/// After that, however old it is, somebody holds a copy: the session ends, for the thief and for its owner, who signs in
/// again.
pub async fn refresh(app: &App, request: &RequestContext, given: &str) -> Result<SignedIn, Error> {
    let given = token::sha256(token::REFRESH_PREFIX, given).ok_or(Error::Unauthenticated)?;
    let mut tx = SystemTx::begin(&app.store, &SystemPermit::for_duty("refresh")).await?;
    let session = sessions::lock_session(&mut tx, &given).await?.ok_or(Error::Unauthenticated)?;
    let access = app.sessions.access(session.user, session.id)?;
    if session.is_newest {
        let next = app.sessions.refresh_token();
        sessions::update_refresh(&mut tx, session.id, &given, &hash(&next)?).await?;
        let lasts = session.expires_at - tx.now();
        // The browser's doing, not a person's: the sign-in is in the audit trail.
        tx.commit_unaudited().await?;
        return Ok(SignedIn { user: session.user, access, refresh: Some((next, lasts)) });
    }
    let now = tx.now();
    let spent_at = sessions::get_spent_at(&mut tx, &given).await?;
    if spent_at.is_some_and(|spent_at| now - spent_at <= REFRESH_GRACE) {
        return Ok(SignedIn { user: session.user, access, refresh: None });
    }
    sessions::revoke_session(tx.conn(), session.id, now).await?;
    let reason = json!({ "reason": "a replaced refresh token was used again; the session was ended" });
    let actor = Some((session.user, session.email));
    let row = audit_row(&tx, request, "session.refresh", actor, AuditResult::Failed, Some(reason));
    tx.commit_audited(row).await?;
    Err(Error::Unauthenticated)
}

/// Ends the caller's session.
pub async fn sign_out(app: &App, permit: &Permit<action::session::SignOut>) -> Result<(), Error> {
    let Some(session) = permit.actor().session() else {
        return Err(Error::Conflict("A personal token is no session: revoke it instead.".into()));
    };
    let mut tx = Tx::begin(&app.store, permit).await?;
    let now = tx.now();
    sessions::revoke_session(tx.conn(), session, now).await?;
    tx.commit(AuditEntry::new()).await?;
    Ok(())
}

fn hash(refresh: &str) -> Result<[u8; 32], Error> {
    token::sha256(token::REFRESH_PREFIX, refresh)
        .ok_or_else(|| Error::Fault(anyhow::anyhow!("a fresh token has not the form of one")))
}

fn audit_row(
    tx: &SystemTx,
    request: &RequestContext,
    action: &'static str,
    actor: Option<(UserId, String)>,
    result: AuditResult,
    after: Option<Value>,
) -> AuditRow {
    let (actor_id, actor) = match actor {
        Some((id, email)) => (Some(id), email),
        None => (None, String::new()),
    };
    AuditRow {
        id: tx.id(),
        tenant: None,
        at: tx.now(),
        actor_id,
        target: actor.clone(),
        target_id: actor_id.map(UserId::uuid),
        actor,
        action: action.to_owned(),
        result,
        request_id: request.id,
        source: request.source.clone(),
        before: None,
        after,
    }
}
