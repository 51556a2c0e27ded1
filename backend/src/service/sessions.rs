//! Where the caller is signed in.

use super::{
    error::Error,
    page::{PageRequest, Paged},
};
use crate::{
    authz::{action::my_session, permit::Permit},
    startup::App,
    store::{
        ReadTx, Tx,
        audit::AuditEntry,
        sessions::{self, OpenSessionRecord},
    },
};
use berth_domain::id::SessionId;
use serde_json::json;

/// A session that goes on.
pub type Session = OpenSessionRecord;

/// A page of the caller's sessions, the newest first.
pub async fn list(
    app: &App,
    permit: &Permit<my_session::List>,
    page: PageRequest<SessionId>,
) -> Result<Paged<Session, SessionId>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let now = app.clock.now();
    let rows = sessions::list_sessions(tx.conn(), permit.actor().user, now, page.after, page.rows()).await?;
    Ok(page.cut(rows, |session| session.id))
}

/// Ends a session of the caller at once; what streams over it ends within seconds.
pub async fn end(app: &App, permit: &Permit<my_session::End>, session: SessionId) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let now = tx.now();
    let ended =
        sessions::revoke_session_of(tx.conn(), permit.actor().user, session, now).await?.ok_or(Error::NotFound)?;
    let before = json!({ "user_agent": ended.user_agent, "source": ended.source, "created_at": ended.created_at });
    tx.commit(AuditEntry::new().target(&permit.actor().email, session.uuid()).before(&before)).await?;
    Ok(())
}

/// Ends all sessions of the caller but the one that asks; all of them, when a personal token asks.
pub async fn end_others(app: &App, permit: &Permit<my_session::EndOthers>) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let now = tx.now();
    let actor = permit.actor();
    let ended = sessions::revoke_other_sessions(tx.conn(), actor.user, actor.session(), now).await?;
    tx.commit(AuditEntry::new().after(&json!({ "ended": ended }))).await?;
    Ok(())
}
