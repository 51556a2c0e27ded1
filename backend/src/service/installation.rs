//! The first start: the installation's id and keys, and the one-time token with which the first account is made.

use super::error::Error;
use crate::{
    authn::token,
    clock::{Clock, Ids},
    seal::{self, Column, Sealer},
    startup::App,
    store::{
        Store,
        installation::{self as rows, InstallationRow},
    },
};
use anyhow::{Context as _, bail};
use berth_domain::id::InstallId;
use berth_scheduler::authority::Authority;
use std::{fs, path::Path};
use zeroize::Zeroizing;

/// What every server of an installation shares.
pub struct Installation {
    /// Which.
    pub id: InstallId,
    /// Issues certificates of nodes and of the agents' port.
    pub authority: Authority,
    /// Signs access tokens.
    pub signing_key: Zeroizing<[u8; 32]>,
    /// Signs checkpoints of audit trails.
    pub audit_key: Zeroizing<[u8; 32]>,
}

/// Reads the installation, or makes it. Servers that start together all use what the first one made.
pub async fn open(store: &Store, sealer: &Sealer, clock: &dyn Clock, ids: &dyn Ids) -> anyhow::Result<Installation> {
    let row = match rows::get_installation(store).await? {
        Some(row) => row,
        None => {
            rows::insert_installation(store, &create(sealer, clock, ids)?).await?;
            rows::get_installation(store).await?.context("the installation was written and is not there")?
        }
    };
    let open = |column, sealed| {
        sealer.open(column, row.id.uuid(), sealed).with_context(|| {
            format!("the master key is not the one of installation {}; give its master.key back", row.id)
        })
    };
    let authority_key = open(Column::AuthorityKey, &row.authority_key_sealed)?;
    let authority_key = std::str::from_utf8(&authority_key).context("the authority's key is not text")?;
    let signing_key = open(Column::SigningKey, &row.signing_key_sealed)?;
    let Ok(signing_key) = <[u8; 32]>::try_from(signing_key.as_slice()) else {
        bail!("the signing key is not 32 bytes long");
    };
    let sealed = match rows::get_audit_key(store).await? {
        Some(sealed) => sealed,
        None => {
            // A new key would make everything that was signed worthless without a word.
            if rows::has_checkpoints(store).await? {
                bail!(
                    "the audit key is gone, and audit trails were signed with it: restore installation.audit_key_sealed"
                );
            }
            let fresh = Zeroizing::new(ids.secret::<32>());
            let sealed = sealer.seal(Column::AuditKey, row.id.uuid(), fresh.as_slice());
            rows::update_audit_key(store, &sealed).await?;
            rows::get_audit_key(store).await?.context("the audit key was written and is not there")?
        }
    };
    let Ok(audit_key) = <[u8; 32]>::try_from(open(Column::AuditKey, &sealed)?.as_slice()) else {
        bail!("the audit key is not 32 bytes long");
    };
    Ok(Installation {
        id: row.id,
        authority: Authority::load(&row.authority_cert_pem, authority_key).context("the authority does not load")?,
        signing_key: Zeroizing::new(signing_key),
        audit_key: Zeroizing::new(audit_key),
    })
}

fn create(sealer: &Sealer, clock: &dyn Clock, ids: &dyn Ids) -> anyhow::Result<InstallationRow> {
    let id: InstallId = ids.id();
    let now_ms = u64::try_from(clock.now().timestamp_millis()).context("the clock stands before 1970")?;
    let (authority, authority_key) = Authority::create(id, now_ms).context("cannot make the authority")?;
    let signing_key = Zeroizing::new(ids.secret::<32>());
    Ok(InstallationRow {
        id,
        set_up_at: None,
        setup_token_sha256: None,
        authority_cert_pem: authority.certificate_pem().to_owned(),
        authority_key_sealed: sealer.seal(Column::AuthorityKey, id.uuid(), authority_key.as_bytes()),
        signing_key_sealed: sealer.seal(Column::SigningKey, id.uuid(), signing_key.as_slice()),
    })
}

/// Whether the first account was made.
pub async fn is_set_up(app: &App) -> Result<bool, Error> {
    Ok(rows::is_set_up(&app.store).await?)
}

/// Whether the server can work: the database answers.
pub async fn check_ready(app: &App) -> Result<(), Error> {
    Ok(app.store.ping().await?)
}

/// The set-up token, until set-up is done: the one in `file` if it is still good, otherwise a fresh one, written there.
pub async fn offer_setup_token(store: &Store, ids: &dyn Ids, file: &Path) -> anyhow::Result<Option<String>> {
    let row = rows::get_installation(store).await?.context("the installation is not there")?;
    if row.set_up_at.is_some() {
        remove_setup_token(file);
        return Ok(None);
    }
    let kept = fs::read_to_string(file).ok().map(|text| text.trim().to_owned()).filter(|text| {
        let hash = token::sha256(token::SETUP_PREFIX, text);
        hash.is_some() && hash.map(Vec::from) == row.setup_token_sha256
    });
    if let Some(kept) = kept {
        return Ok(Some(kept));
    }
    let fresh = token::generate(ids, token::SETUP_PREFIX);
    let hash = token::sha256(token::SETUP_PREFIX, &fresh).context("a fresh token has the form of one")?;
    rows::update_setup_token(store, &hash).await?;
    seal::write_private(file, format!("{fresh}\n").as_bytes())
        .with_context(|| format!("cannot write the set-up token to {}", file.display()))?;
    Ok(Some(fresh))
}

/// Removes the token's file; it is worthless by then, so that a failure is only logged.
pub fn remove_setup_token(file: &Path) {
    match fs::remove_file(file) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(file = %file.display(), %error, "cannot remove the used set-up token"),
    }
}
