//! Registry credentials of a project. Passwords are sealed on the way in and never shown.

use super::{
    collect::Wrong,
    error::Error,
    page::{PageRequest, Paged},
    room::must_have_room,
};
use crate::{
    authz::{action, permit::Permit},
    seal::Column,
    startup::App,
    store::{
        ReadTx, Tx,
        audit::AuditEntry,
        counted::Counted,
        credentials::{self, CredentialRecord},
        nudge::Topic,
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::RegistryCredentialId,
    image::ImageReference,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

/// Registry credentials, without the password.
pub type Credential = CredentialRecord;

/// Longest user name and password, in bytes: clouds give JSON keys of about 2500 as passwords.
const USERNAME_BYTES_MAX: usize = 256;
const PASSWORD_BYTES_MAX: usize = 8_192;

/// A page of a project's credentials, without passwords.
pub async fn list(
    app: &App,
    permit: &Permit<action::credential::List>,
    page: PageRequest<String>,
) -> Result<Paged<Credential, String>, Error> {
    let after = page.after.as_deref().unwrap_or_default();
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = credentials::list_credentials(tx.conn(), permit.scope().project.id, after, page.rows()).await?;
    Ok(page.cut(rows, |credential| credential.registry.clone()))
}

/// Credentials to keep.
pub struct NewCredential {
    registry: String,
    username: String,
    password: SecretString,
}

impl NewCredential {
    /// Parses what was typed.
    pub fn parse(registry: &str, username: &str, password: String) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        let registry = wrong.take(parse_registry(registry.trim()));
        for (field, text, max) in
            [("username", username, USERNAME_BYTES_MAX), ("password", password.as_str(), PASSWORD_BYTES_MAX)]
        {
            // The colon ends the user name in HTTP's basic authentication.
            let bad = text.chars().find(|c| c.is_control() || (field == "username" && *c == ':'));
            if text.is_empty() {
                wrong.push(FieldError::new(field, FieldCode::Required, format!("a {field}")));
            } else if text.len() > max {
                let message = format!("at most {max} bytes");
                wrong.push(FieldError::new(field, FieldCode::TooLong, message).limit(max as u64));
            } else if bad.is_some() {
                let message = "it holds a character that cannot be sent to a registry";
                wrong.push(FieldError::new(field, FieldCode::BadCharacter, message));
            }
        }
        match registry {
            Some(registry) if wrong.is_empty() => {
                Ok(Self { registry, username: username.to_owned(), password: password.into() })
            }
            _ => Err(wrong.error()),
        }
    }
}

/// A registry is what may stand before the first slash of an image reference.
fn parse_registry(text: &str) -> Result<String, FieldError> {
    let error =
        || FieldError::new("registry", FieldCode::BadFormat, "a host name, with :port where needed, such as ghcr.io");
    let parsed = ImageReference::parse(&format!("{text}/x/y")).map_err(|_| error())?;
    if parsed.registry() == text { Ok(text.to_owned()) } else { Err(error()) }
}

/// Keeps credentials for a registry, instead of those that were there.
pub async fn put(app: &App, permit: &Permit<action::credential::Put>, new: NewCredential) -> Result<Credential, Error> {
    let project = permit.scope().project.id;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = credentials::get_sealed_credential(tx.conn(), project, &new.registry).await?;
    let id: RegistryCredentialId = before.as_ref().map_or_else(|| tx.id(), |before| before.id);
    let record = CredentialRecord { id, registry: new.registry, username: new.username, created_at: tx.now() };
    let sealed = app.sealer.seal(Column::RegistryPassword, id.uuid(), new.password.expose_secret().as_bytes());
    if before.is_some() {
        credentials::update_credential(&mut tx, &record, &sealed).await?;
    } else {
        must_have_room(&mut tx, Counted::Credentials(project)).await?;
        if !credentials::insert_credential(&mut tx, project, &record, &sealed).await? {
            return Err(Error::Conflict("Somebody else kept credentials for it at the same moment. Try again.".into()));
        }
    }
    tx.touch(Topic::Projects);
    let entry = AuditEntry::new().target(&record.registry, id.uuid());
    let entry = match before {
        Some(before) => entry.before(&json!({ "username": before.username })),
        None => entry,
    };
    tx.commit(entry.after(&json!({ "username": record.username }))).await?;
    Ok(record)
}

/// Deletes credentials.
pub async fn delete(
    app: &App,
    permit: &Permit<action::credential::Delete>,
    id: RegistryCredentialId,
) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let deleted = credentials::delete_credential(&mut tx, permit.scope().project.id, id).await?;
    let deleted = deleted.ok_or(Error::NotFound)?;
    tx.touch(Topic::Projects);
    let entry = AuditEntry::new().target(&deleted.registry, id.uuid());
    tx.commit(entry.before(&json!({ "username": deleted.username }))).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_host() {
        for good in ["docker.io", "ghcr.io", "localhost:5000", "10.0.0.1:5000"] {
            assert!(parse_registry(good).is_ok(), "{good}");
        }
        for bad in ["", "hub", "https://ghcr.io", "ghcr.io/x", "ghcr.io:0", "a b.io", "user@ghcr.io"] {
            assert!(parse_registry(bad).is_err(), "{bad}");
        }
    }
}
