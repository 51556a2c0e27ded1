//! `berth audit`: takes an audit trail away, and checks it wherever it lies.

use crate::{
    client::place::Place,
    exit::{Exit, ended},
    output,
};
use anyhow::{Context as _, Result};
use berth_api_types::{path, v1::audit::AuditCheckView};
use berth_audit::{
    Checkpoint, PublicKey,
    export::{LINE_BYTES_MAX, Line},
    verify::{Verified, Verifier},
};
use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _, stdin},
    path::{Path, PathBuf},
};
use tokio::io::AsyncWriteExt as _;

/// What to do with a trail.
#[derive(Debug, Args)]
pub struct AuditFlags {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Writes the whole trail to a file that can be checked without a server
    Export {
        /// The platform's trail instead of the tenant's
        #[arg(long)]
        platform: bool,
        /// Where to; `-` is the standard output
        #[arg(long, short, value_name = "FILE", default_value = "-")]
        output: PathBuf,
    },
    /// Checks an export: needs no server and no network
    Verify(Box<VerifyFlags>),
    /// Lets the server check the whole trail where it lies
    Check {
        /// The platform's trail instead of the tenant's
        #[arg(long)]
        platform: bool,
    },
}

#[derive(Debug, Args)]
struct VerifyFlags {
    /// The export; `-` is the standard input
    file: PathBuf,
    /// The installation's public key, as `berth audit check` shows it. Without it the key is taken from the export, which
    /// shows damage but not who wrote it
    #[arg(long, value_name = "HEX")]
    key: Option<PublicKey>,
    /// Checkpoints that were kept elsewhere: the server's files `audit-checkpoints-*.ndjson`
    #[arg(long, value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
}

/// Does it. Only [`Action::Verify`] needs nobody signed in.
pub async fn run(place: &Place, flags: AuditFlags) -> Result<()> {
    match flags.action {
        Action::Export { platform, output } => export(place, platform, &output).await,
        Action::Verify(flags) => verify(place.flags.json, &flags),
        Action::Check { platform } => check(place, platform).await,
    }
}

async fn export(place: &Place, platform: bool, to: &Path) -> Result<()> {
    let path = if platform { path::platform_audit_export() } else { path::tenant_audit_export(&place.tenant()?) };
    let mut answer = place.api()?.download(&path).await?;
    let to_screen = to == Path::new("-");
    let mut file: Box<dyn tokio::io::AsyncWrite + Unpin> = if to_screen {
        Box::new(tokio::io::stdout())
    } else {
        let file = tokio::fs::File::create(to).await.with_context(|| format!("cannot write {}", to.display()))?;
        Box::new(file)
    };
    while let Some(part) = answer.chunk().await.map_err(|error| ended(Exit::Unreachable, error.to_string()))? {
        file.write_all(&part).await?;
    }
    file.flush().await?;
    if to_screen {
        return Ok(());
    }
    drop(file);
    // What was written is read again: a disk that is full at the end must not be found out years later.
    let verified = verified(BufReader::new(File::open(to)?), None, Vec::new())?;
    let sentence = format!("{}: {}", to.display(), summary(&verified));
    output::done(place.flags.json, sentence, &json!({ "file": to, "rows": verified.rows() }))
}

fn verify(json: bool, flags: &VerifyFlags) -> Result<()> {
    let mut kept = Vec::new();
    for path in &flags.checkpoints {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (index, line) in text.lines().enumerate() {
            match serde_json::from_str::<Checkpoint>(line) {
                Ok(checkpoint) => kept.push(checkpoint),
                // A power cut leaves half a line; those around it count.
                Err(_) => eprintln!("{}, line {}: this is no checkpoint, and is left aside", path.display(), index + 1),
            }
        }
    }
    let reader: Box<dyn BufRead> = if flags.file == Path::new("-") {
        Box::new(BufReader::new(stdin()))
    } else {
        let file = File::open(&flags.file).with_context(|| format!("cannot read {}", flags.file.display()))?;
        Box::new(BufReader::new(file))
    };
    let verified = verified(reader, flags.key.as_ref(), kept)?;
    let mut sentence = format!("Whole: {}", summary(&verified));
    if flags.key.is_none() {
        sentence.push_str(&format!(
            "\nThe key {} was taken from the export itself. To know who signed, give --key.",
            verified.head.key.id()
        ));
    }
    let facts = json!({
        "whole": true, "from": verified.head.from, "to": verified.head.to, "checkpoints": verified.checkpoints,
        "signed_at": verified.signed_at, "key": verified.head.key, "key_was_given": flags.key.is_some(),
    });
    output::done(json, sentence, &facts)
}

/// Checks line by line, so that a trail of any length fits.
fn verified(mut reader: impl BufRead, key: Option<&PublicKey>, kept: Vec<Checkpoint>) -> Result<Verified> {
    let refused = |why: String| ended(Exit::Refused, why);
    let mut verifier: Option<Verifier> = None;
    let mut kept = Some(kept);
    loop {
        let mut line = String::new();
        let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        if reader.by_ref().take(most).read_line(&mut line).context("cannot read the export")? == 0 {
            break;
        }
        let text = line.strip_suffix('\n').unwrap_or(&line);
        let verifier = match &mut verifier {
            Some(verifier) => verifier,
            None => {
                let Ok(Line::Head(head)) = Line::read(text) else {
                    return Err(refused("line 1: this is no export of an audit trail".to_owned()));
                };
                let kept = kept.take().unwrap_or_default();
                if !kept.is_empty() && kept.iter().all(|one| one.tenant != head.tenant) {
                    return Err(refused("none of the checkpoints that were kept is of this trail".to_owned()));
                }
                let own = Verifier::new(key.cloned().unwrap_or(head.key));
                verifier.insert(own.with_checkpoints(head.tenant, kept))
            }
        };
        verifier.line(text).map_err(|fault| refused(fault.to_string()))?;
    }
    let verifier = verifier.ok_or_else(|| refused("line 1: the export is empty".to_owned()))?;
    verifier.end().map_err(|fault| refused(fault.to_string()))
}

fn summary(verified: &Verified) -> String {
    let at = verified.signed_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (from, to) = (verified.head.from, verified.head.to);
    let rows = match verified.rows() {
        0 => "no rows".to_owned(),
        1 => format!("row {from}"),
        count => format!("{count} rows, {from} to {to}"),
    };
    format!("{rows}; {}, the last of {at}", signed(verified.checkpoints))
}

fn signed(checkpoints: u64) -> String {
    if checkpoints == 1 { "1 signed checkpoint".to_owned() } else { format!("{checkpoints} signed checkpoints") }
}

async fn check(place: &Place, platform: bool) -> Result<()> {
    let path = if platform { path::platform_audit_check() } else { path::tenant_audit_check(&place.tenant()?) };
    let check: AuditCheckView = place.api()?.get(&path).await?;
    if place.flags.json {
        output::value(&check)?;
    } else {
        output::line(format!("Public key: {}", check.key))?;
    }
    match (&check.broken_at, &check.message) {
        (Some(at), message) => {
            let why = message.as_deref().unwrap_or("it does not hold");
            Err(ended(Exit::Refused, format!("broken at row {at}: {why}")))
        }
        (None, _) if place.flags.json => Ok(()),
        (None, _) => output::line(format!(
            "Whole: rows {} to {}; {}, the last of {}",
            check.from,
            check.to,
            signed(check.checkpoints),
            check.signed_at.to_rfc3339_opts(SecondsFormat::Secs, true)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_audit::{Row, Sha256Hash, Signer, export::Head};
    use uuid::Uuid;

    fn export_of(signer: &Signer) -> String {
        let at = chrono::DateTime::from_timestamp(1_764_000_000, 0).expect("a time");
        let mut row = Row {
            sequence: 1,
            id: Uuid::from_u128(1),
            tenant: None,
            at,
            actor_id: None,
            actor: "ada@example.org".to_owned(),
            action: "tenant.create".to_owned(),
            target: "acme".to_owned(),
            target_id: None,
            result: "done".to_owned(),
            request_id: Uuid::from_u128(2),
            source: "203.0.113.7".to_owned(),
            before: None,
            after: None,
            previous_sha256: Sha256Hash::ZERO,
            sha256: Sha256Hash::ZERO,
        };
        row.sha256 = row.hash();
        let end = signer.sign(None, 1, row.sha256, at);
        let head = Head {
            format: berth_audit::export::FORMAT.to_owned(),
            tenant: None,
            from: 1,
            to: 1,
            key: signer.public_key(),
        };
        [Line::Head(head), Line::Row(Box::new(row)), Line::Checkpoint(end)].iter().map(Line::to_text).collect()
    }

    #[test]
    fn an_export_is_checked_with_its_own_key_or_a_given_one() {
        let (signer, other) = (Signer::new(&[1; 32]), Signer::new(&[2; 32]));
        let text = export_of(&signer);
        let check = |text: &str, key: Option<&PublicKey>| verified(text.as_bytes(), key, Vec::new());
        assert_eq!(check(&text, None).expect("whole").rows(), 1);
        check(&text, Some(&signer.public_key())).expect("whole");
        let refused = check(&text, Some(&other.public_key())).expect_err("of another installation");
        assert!(refused.to_string().starts_with("line 1: "), "{refused}");
        let changed = check(&text.replace("acme", "evil"), None).expect_err("changed");
        assert_eq!(changed.to_string(), "line 2: row 1 was changed: it does not give its hash");
        assert_eq!(crate::exit::code_of(&changed), Exit::Refused);
        assert!(check("", None).is_err());
    }
}
