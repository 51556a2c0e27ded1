//! Signs the ends of audit trails every minute, and leaves what was signed where the database cannot reach it.
//!
//! Whoever owns the database can rewrite a chain as a whole or cut off its tail, and nothing in the database shows it. A
//! checkpoint shows it to whoever holds a copy: the file here, the log that a collector takes away, an export.

use crate::{
    seal,
    service::error::Error,
    startup::App,
    store::checkpoints::{self, ChainHead},
};
use anyhow::Context as _;
use berth_audit::Checkpoint;
use berth_domain::id::TenantId;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// Between two rounds.
const PERIOD: Duration = Duration::from_secs(60);
/// Files of checkpoints, one a month, in the data directory.
const FILE_PREFIX: &str = "audit-checkpoints-";
const FILE_SUFFIX: &str = ".ndjson";

/// Signs what grew, now and every [`PERIOD`], until the server stops. A round that fails is made good by the next one.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = round(&app).await {
            tracing::warn!(error = format!("{error:#}"), "audit trails could not be signed; it is tried again");
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// One round: a checkpoint for every chain that grew. Returns how many.
pub async fn round(app: &App) -> anyhow::Result<usize> {
    let heads = checkpoints::list_unsigned_heads(&app.store).await?;
    sign(app, &heads).await?;
    Ok(heads.len())
}

/// Signs the end of one chain as it is now.
pub async fn sign_end(app: &App, tenant: Option<TenantId>) -> Result<Checkpoint, Error> {
    let head = checkpoints::get_head(&app.store, tenant).await?;
    if let Some(known) = checkpoints::get_checkpoint(&app.store, tenant, head.sequence).await?
        && known.sha256 == head.sha256
        && known.is_signed_by(&app.audit_signer.public_key())
    {
        return Ok(known);
    }
    let signed = sign(app, &[head]).await.map_err(Error::Fault)?;
    signed.into_iter().next().context("one head gives one checkpoint").map_err(Error::Fault)
}

async fn sign(app: &App, heads: &[ChainHead]) -> anyhow::Result<Vec<Checkpoint>> {
    let at = to_microseconds(app.clock.now());
    let sign = |head: &ChainHead| app.audit_signer.sign(head.tenant, head.sequence, head.sha256, at);
    let signed: Vec<_> = heads.iter().map(sign).collect();
    if signed.is_empty() {
        return Ok(signed);
    }
    // The file first: what only the database holds proves nothing about the database.
    let (lines, path) = (signed.clone(), app.settings.data_dir.join(file_name(at)));
    tokio::task::spawn_blocking(move || append(&path, &lines)).await??;
    for checkpoint in &signed {
        tracing::debug!(
            tenant.id = checkpoint.tenant.map(tracing::field::display),
            sequence = checkpoint.sequence,
            sha256 = %checkpoint.sha256,
            "an audit trail was signed"
        );
        checkpoints::insert_checkpoint(&app.store, checkpoint).await?;
    }
    Ok(signed)
}

/// Postgres keeps microseconds, and what is signed must read back as it was.
fn to_microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::nanoseconds(i64::from(at.timestamp_subsec_nanos() % 1_000))
}

fn file_name(at: DateTime<Utc>) -> String {
    format!("{FILE_PREFIX}{}{FILE_SUFFIX}", at.format("%Y-%m"))
}

fn ends_half(path: &Path) -> bool {
    let last = || -> std::io::Result<u8> {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    // There is no last byte of a file that is not there or is empty.
    last().is_ok_and(|byte| byte != b'\n')
}

fn append(path: &Path, checkpoints: &[Checkpoint]) -> anyhow::Result<()> {
    // What a power cut left half stays a line of its own.
    let mut text = if ends_half(path) { "\n".to_owned() } else { String::new() };
    for checkpoint in checkpoints {
        text.push_str(&serde_json::to_string(checkpoint)?);
        text.push('\n');
    }
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).mode(seal::PRIVATE_MODE).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The checkpoints of a chain that this server left in its files.
pub async fn kept(app: &App, tenant: Option<TenantId>) -> anyhow::Result<Vec<Checkpoint>> {
    let (directory, tenant) = (app.settings.data_dir.clone(), tenant.map(TenantId::uuid));
    tokio::task::spawn_blocking(move || read(&directory, tenant)).await?
}

fn read(directory: &Path, tenant: Option<Uuid>) -> anyhow::Result<Vec<Checkpoint>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with(FILE_PREFIX) && name.ends_with(FILE_SUFFIX)) {
            continue;
        }
        for line in BufReader::new(fs::File::open(&path)?).lines() {
            // A line that a power cut left half is no checkpoint; those around it are.
            let checkpoint: Option<Checkpoint> = serde_json::from_str(&line?).ok();
            found.extend(checkpoint.filter(|checkpoint| checkpoint.tenant == tenant));
        }
    }
    Ok(found)
}
