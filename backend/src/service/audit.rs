//! Reading, exporting and checking audit trails.

use super::{
    checkpoints,
    error::Error,
    page::{PageRequest, Paged},
};
use crate::{
    authz::{
        action::{
            Action,
            audit::{Checks, Exports, Reads},
        },
        gate,
        permit::Permit,
        scope::Scope as _,
    },
    startup::App,
    store::{
        ReadTx, Tx,
        audit::{AuditEntry, AuditResult},
        audit_read::{AuditFilter, get_audit_from, list_audit, list_audit_after},
        checkpoints::list_checkpoints,
    },
};
use berth_audit::{
    Checkpoint, Row,
    export::{FORMAT, Head, Line},
    verify::{Verifier, Wrong},
};
use berth_domain::id::TenantId;
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

/// A row of a trail, with its place in the chain.
pub type Entry = Row;
/// Which rows.
pub type Filter = AuditFilter;
/// How an act ended.
pub type Outcome = AuditResult;

/// Rows that are read at once while a whole trail is gone through.
const ROWS_AT_ONCE: i64 = 1_000;
/// Trails that one server checks at the same time: it is the processor that it takes.
static CHECKS: Semaphore = Semaphore::const_new(2);
/// Who finds all places taken may try again after so many seconds.
const CHECK_RETRY_S: u32 = 5;

fn chain_of<A: Action>(permit: &Permit<A>) -> Option<TenantId> {
    permit.scope().tenant().map(|tenant| tenant.id)
}

/// Between two parts of a long answer a right may go.
async fn must_still_hold<A: Action>(app: &App, permit: &Permit<A>) -> Result<(), Error> {
    match gate::still_holds(&app.store, permit).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotFound),
        Err(denied) => Err(Error::Fault(denied.into())),
    }
}

/// A page of a trail, the newest first.
pub async fn list<A: Reads>(
    app: &App,
    permit: &Permit<A>,
    filter: &Filter,
    page: PageRequest<i64>,
) -> Result<Paged<Entry, i64>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = list_audit(tx.conn(), chain_of(permit), filter, page.after, page.rows()).await?;
    Ok(page.cut(rows, |row| row.sequence))
}

/// A trail that is being gone through, from its oldest row to the one that was the newest at the beginning.
pub struct Walk {
    head: Head,
    /// Of the last row: covers all that is in it.
    end: Checkpoint,
    /// The last row that was read.
    at: i64,
    is_over: bool,
}

impl Walk {
    async fn begin<A: Action>(app: &App, permit: &Permit<A>) -> Result<Self, Error> {
        let tenant = chain_of(permit);
        let end = checkpoints::sign_end(app, tenant).await?;
        let mut tx = ReadTx::begin(&app.store, permit).await?;
        let from = get_audit_from(tx.conn(), tenant).await?;
        let key = app.audit_signer.public_key();
        let tenant = tenant.map(TenantId::uuid);
        let head = Head { format: FORMAT.to_owned(), tenant, from, to: end.sequence, key };
        Ok(Self { at: from - 1, head, end, is_over: false })
    }

    /// The first line.
    pub fn head(&self) -> Line {
        Line::Head(self.head.clone())
    }

    /// The next lines; `None` when there are no more, or the reader no longer may.
    pub async fn next<A: Action>(&mut self, app: &App, permit: &Permit<A>) -> Result<Option<Vec<Line>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        must_still_hold(app, permit).await?;
        let (tenant, to) = (chain_of(permit), self.head.to);
        let mut tx = ReadTx::begin(&app.store, permit).await?;
        let rows = list_audit_after(tx.conn(), tenant, self.at, to, ROWS_AT_ONCE).await?;
        let last = rows.last().map_or(to, |row| row.sequence);
        let mut signed = list_checkpoints(tx.conn(), tenant, self.at + 1, last).await?.into_iter().peekable();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let sequence = row.sequence;
            lines.push(Line::Row(Box::new(row)));
            while let Some(checkpoint) = signed.next_if(|checkpoint| checkpoint.sequence <= sequence) {
                lines.push(Line::Checkpoint(checkpoint));
            }
        }
        self.at = last;
        if last >= to {
            self.is_over = true;
            // Signed just now, whatever the database says of it.
            if !matches!(lines.last(), Some(Line::Checkpoint(checkpoint)) if checkpoint.sequence == to) {
                lines.push(Line::Checkpoint(self.end.clone()));
            }
        }
        Ok(Some(lines))
    }
}

/// Begins to export a trail. That somebody did so is its last row.
pub async fn export<A: Exports>(app: &App, permit: &Permit<A>) -> Result<Walk, Error> {
    Tx::begin(&app.store, permit).await?.commit(AuditEntry::new()).await?;
    Walk::begin(app, permit).await
}

/// How a trail stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The oldest row that is there.
    pub from: i64,
    /// The newest one.
    pub to: i64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// When the last one was signed.
    pub signed_at: DateTime<Utc>,
    /// The key that signs, as text.
    pub key: String,
    /// The first row that is wrong, and what is wrong there.
    pub broken: Option<(i64, Wrong)>,
}

/// Checks a whole trail: each row, each link, each signature, and what this server has kept outside the database.
pub async fn check<A: Checks>(app: &App, permit: &Permit<A>) -> Result<Check, Error> {
    let _place = CHECKS.try_acquire().map_err(|_| Error::TooManyRequests { after_s: CHECK_RETRY_S })?;
    let tenant = chain_of(permit);
    // Before the end is signed: a trail that was cut off must not be compared with its own stump.
    let kept = checkpoints::kept(app, tenant).await.map_err(Error::Fault)?;
    let mut walk = Walk::begin(app, permit).await?;
    let key = app.audit_signer.public_key();
    let mut verifier = Verifier::new(key.clone()).with_checkpoints(tenant.map(TenantId::uuid), kept);
    let (from, to, signed_at) = (walk.head.from, walk.head.to, walk.end.at);
    let mut broken = verifier.check(&walk.head()).err().map(|fault| (verifier.next_row(), fault.what));
    while broken.is_none()
        && let Some(lines) = walk.next(app, permit).await?
    {
        for line in &lines {
            if let Err(fault) = verifier.check(line) {
                broken = Some((verifier.next_row(), fault.what));
                break;
            }
        }
    }
    let mut checkpoints = verifier.checkpoints();
    if broken.is_none() {
        let next = verifier.next_row();
        match verifier.end() {
            Ok(whole) => checkpoints = whole.checkpoints,
            Err(fault) => broken = Some((next, fault.what)),
        }
    }
    Ok(Check { from, to, checkpoints, signed_at, key: key.to_string(), broken })
}

/// A page of rows for a table, the newest first; for [`Exports`] as well.
pub async fn list_for_table<A: Exports>(
    app: &App,
    permit: &Permit<A>,
    filter: &Filter,
    before: Option<i64>,
) -> Result<Vec<Entry>, Error> {
    must_still_hold(app, permit).await?;
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    Ok(list_audit(tx.conn(), chain_of(permit), filter, before, ROWS_AT_ONCE).await?)
}

/// Begins a table of a trail's rows. That somebody took it away is in the trail.
pub async fn table<A: Exports>(app: &App, permit: &Permit<A>, filter: &Filter) -> Result<Vec<Entry>, Error> {
    Tx::begin(&app.store, permit).await?.commit(AuditEntry::new()).await?;
    list_for_table(app, permit, filter, None).await
}
