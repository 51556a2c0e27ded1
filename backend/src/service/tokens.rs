//! The caller's personal tokens.

use super::{
    collect::Wrong,
    error::{Error, Forbidden},
    page::{PageRequest, Paged},
    room::must_have_room,
};
use crate::{
    authn::{account::Title, token},
    authz::{action, permit::Permit},
    startup::App,
    store::{
        ReadTx, Tx,
        audit::AuditEntry,
        counted::Counted,
        sessions::{self, TokenRecord},
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::TokenId,
};
use chrono::TimeDelta;
use serde_json::json;

/// A personal token, without its secret.
pub type Token = TokenRecord;

/// Longest life of a token, in days.
const DAYS_MAX: u32 = 365;

/// A page of tokens that still work.
pub async fn list(
    app: &App,
    permit: &Permit<action::token::List>,
    page: PageRequest<TokenId>,
) -> Result<Paged<Token, TokenId>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let now = app.clock.now();
    let rows = sessions::list_tokens(tx.conn(), permit.actor().user, now, page.after, page.rows()).await?;
    Ok(page.cut(rows, |token| token.id))
}

/// A token to make.
pub struct NewToken {
    name: Title,
    lasts: TimeDelta,
}

impl NewToken {
    /// Parses what was typed.
    pub fn parse(name: &str, days: u32) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        let name = wrong.take(Title::parse("name", name));
        let (code, limit) = if days == 0 { (FieldCode::TooSmall, 1) } else { (FieldCode::TooLarge, DAYS_MAX) };
        if !(1..=DAYS_MAX).contains(&days) {
            wrong.push(FieldError::new("days", code, format!("1 to {DAYS_MAX} days")).limit(limit.into()));
        }
        match name {
            Some(name) if wrong.is_empty() => Ok(Self { name, lasts: TimeDelta::days(days.into()) }),
            _ => Err(wrong.error()),
        }
    }
}

/// Makes a token; its secret is returned once.
pub async fn create(
    app: &App,
    permit: &Permit<action::token::Create>,
    new: NewToken,
) -> Result<(TokenRecord, String), Error> {
    // Or whoever finds one token could keep themselves in for ever.
    if permit.actor().session().is_none() {
        return Err(Error::Forbidden(Forbidden::Rule("A token cannot make tokens. Sign in with the password.")));
    }
    let user = permit.actor().user;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let now = tx.now();
    must_have_room(&mut tx, Counted::Tokens(user)).await?;
    let secret = token::generate(&*app.ids, token::PERSONAL_PREFIX);
    let sha256 = token::sha256(token::PERSONAL_PREFIX, &secret)
        .ok_or_else(|| anyhow::anyhow!("a fresh token has not the form of one"))?;
    let record = TokenRecord {
        id: tx.id(),
        name: new.name.as_str().to_owned(),
        created_at: now,
        expires_at: now + new.lasts,
        last_used_at: None,
    };
    sessions::insert_token(tx.conn(), user, &record, &sha256).await?;
    let entry = AuditEntry::new().target(&record.name, record.id.uuid());
    tx.commit(entry.after(&json!({ "name": record.name, "expires_at": record.expires_at }))).await?;
    Ok((record, secret))
}

/// Ends a token at once.
pub async fn revoke(app: &App, permit: &Permit<action::token::Revoke>, token: TokenId) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let now = tx.now();
    let name = sessions::revoke_token(tx.conn(), permit.actor().user, token, now).await?.ok_or(Error::NotFound)?;
    tx.commit(AuditEntry::new().target(name, token.uuid())).await?;
    Ok(())
}
