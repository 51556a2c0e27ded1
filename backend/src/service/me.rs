//! The caller's own account.

use super::{collect::Wrong, error::Error};
use crate::{
    authn::{
        account::{Locale, Title},
        password,
    },
    authz::{action::me, permit::Permit},
    startup::App,
    store::{
        ReadTx, Tx,
        audit::AuditEntry,
        sessions::revoke_other_sessions,
        users::{self, NamedBinding, Profile},
    },
};
use berth_domain::field_error::{FieldCode, FieldError};
use serde_json::json;

/// The caller, as they see themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// What they may change.
    pub profile: Profile,
    /// Their roles, by tenant, project and environment.
    pub bindings: Vec<NamedBinding>,
}

/// Reads it.
pub async fn read(app: &App, permit: &Permit<me::Read>) -> Result<Me, Error> {
    let user = permit.actor().user;
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let profile = users::get_profile(tx.conn(), user).await?.ok_or(Error::Unauthenticated)?;
    let bindings = users::list_bindings(tx.conn(), user).await?;
    Ok(Me { profile, bindings })
}

/// What shall change; nothing stays.
pub struct ProfileChange {
    display_name: Option<Title>,
    locale: Option<Locale>,
}

impl ProfileChange {
    /// Parses what was typed.
    pub fn parse(display_name: Option<&str>, locale: Option<&str>) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        let display_name = display_name.and_then(|text| wrong.take(Title::parse("display_name", text)));
        let locale = locale.and_then(|text| wrong.take(Locale::parse(Some(text))));
        if wrong.is_empty() { Ok(Self { display_name, locale }) } else { Err(wrong.error()) }
    }
}

/// Changes name or language.
pub async fn update(app: &App, permit: &Permit<me::Update>, change: ProfileChange) -> Result<(), Error> {
    let user = permit.actor().user;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = users::get_profile(tx.conn(), user).await?.ok_or(Error::Unauthenticated)?;
    let after = Profile {
        display_name: change.display_name.map_or(before.display_name.clone(), |name| name.as_str().to_owned()),
        locale: change.locale.map_or(before.locale.clone(), |locale| locale.as_str().to_owned()),
    };
    users::update_profile(tx.conn(), user, &after).await?;
    let shown = |profile: &Profile| json!({ "display_name": profile.display_name, "locale": profile.locale });
    tx.commit(AuditEntry::new().before(&shown(&before)).after(&shown(&after))).await?;
    Ok(())
}

/// Changes the password and ends all other sessions.
pub async fn change_password(
    app: &App,
    permit: &Permit<me::ChangePassword>,
    current: &str,
    new: &str,
) -> Result<(), Error> {
    let actor = permit.actor();
    app.sign_in_limit.check(&actor.email, &permit.request().source)?;
    password::check_new("new_password", new, &actor.email).map_err(Error::field)?;
    let known = users::get_sign_in_by_id(&app.store, actor.user).await?.ok_or(Error::Unauthenticated)?;
    if !app.passwords.verify(current, Some(&known.password_hash)).await? {
        let message = "not the present password";
        return Err(Error::field(FieldError::new("current_password", FieldCode::Mismatch, message)));
    }
    let hash = app.passwords.hash(new).await?;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let now = tx.now();
    users::update_password(tx.conn(), actor.user, &hash).await?;
    let ended = revoke_other_sessions(tx.conn(), actor.user, actor.session(), now).await?;
    tx.commit(AuditEntry::new().after(&json!({ "other_sessions_ended": ended }))).await?;
    Ok(())
}
