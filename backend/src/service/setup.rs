//! Trades the one-time set-up token for the first account, which administers the platform.

use super::{
    collect::Wrong,
    error::Error,
    installation,
    session::{self, SignedIn},
};
use crate::{
    authn::{
        account::{Email, Locale, Title},
        password, token,
    },
    authz::permit::{RequestContext, SystemPermit},
    startup::App,
    store::{
        SystemTx,
        audit::{AuditResult, AuditRow},
        installation::{self as rows, InstallationRow},
        users::{NewUser, insert_user},
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::UserId,
};
use serde_json::json;
use subtle::ConstantTimeEq as _;

/// The first account, as it was typed and found good.
pub struct FirstAccount {
    token_sha256: Option<[u8; 32]>,
    email: Email,
    display_name: Title,
    password: String,
    locale: Locale,
}

impl FirstAccount {
    /// Parses what was typed.
    pub fn parse(
        setup_token: &str,
        email: &str,
        display_name: &str,
        password: String,
        locale: Option<&str>,
    ) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        wrong.take(password::check_new("password", &password, email));
        let parts = (
            wrong.take(Email::parse(email)),
            wrong.take(Title::parse("display_name", display_name)),
            wrong.take(Locale::parse(locale)),
        );
        let token_sha256 = token::sha256(token::SETUP_PREFIX, setup_token.trim());
        match parts {
            (Some(email), Some(display_name), Some(locale)) if wrong.is_empty() => {
                Ok(Self { token_sha256, email, display_name, password, locale })
            }
            _ => Err(wrong.error()),
        }
    }
}

/// Makes the first account and signs it in. Works once.
pub async fn set_up(
    app: &App,
    request: &RequestContext,
    first: FirstAccount,
    user_agent: &str,
) -> Result<SignedIn, Error> {
    app.sign_in_limit.check("set-up", &request.source)?;
    // Before the password is hashed, which is dear.
    check(rows::get_installation(&app.store).await?, &first)?;
    let password_hash = app.passwords.hash(&first.password).await?;
    let mut tx = SystemTx::begin(&app.store, &SystemPermit::for_duty("set-up")).await?;
    check(rows::lock_installation(&mut tx).await?, &first)?;
    let user: UserId = tx.id();
    let new = NewUser {
        id: user,
        email: first.email.as_str(),
        display_name: first.display_name.as_str(),
        password_hash: &password_hash,
        platform_administrator: true,
        locale: first.locale.as_str(),
        created_at: tx.now(),
    };
    if !insert_user(tx.conn(), new).await? {
        return Err(Error::Conflict("An account of this e-mail address is there already.".into()));
    }
    rows::update_set_up(&mut tx).await?;
    let browser = session::Browser { user_agent, source: &request.source };
    let signed_in = session::begin(app, &mut tx, user, browser).await?;
    let row = AuditRow {
        id: tx.id(),
        tenant: None,
        at: tx.now(),
        actor_id: Some(user),
        actor: first.email.as_str().to_owned(),
        action: "installation.set_up".to_owned(),
        target: first.email.as_str().to_owned(),
        target_id: Some(user.uuid()),
        result: AuditResult::Done,
        request_id: request.id,
        source: request.source.clone(),
        before: None,
        after: Some(json!({ "email": first.email.as_str(), "display_name": first.display_name.as_str() })),
    };
    tx.commit_audited(row).await?;
    installation::remove_setup_token(&app.setup_token_file());
    Ok(signed_in)
}

fn check(row: Option<InstallationRow>, first: &FirstAccount) -> Result<(), Error> {
    let Some(row) = row.filter(|row| row.set_up_at.is_none()) else { return Err(Error::AlreadySetUp) };
    let good = match (&row.setup_token_sha256, &first.token_sha256) {
        (Some(kept), Some(given)) => bool::from(kept.as_slice().ct_eq(given)),
        _ => false,
    };
    if good {
        return Ok(());
    }
    let message = "not the token that the server printed when it started";
    Err(Error::field(FieldError::new("setup_token", FieldCode::Mismatch, message)))
}
