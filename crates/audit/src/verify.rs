//! Checks an export, line by line, in constant memory.

use crate::{
    checkpoint::{Checkpoint, PublicKey},
    export::{FORMAT, Head, Line},
    hash::Sha256Hash,
    row::Row,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is wrong with an export, and where first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Fault {
    /// From 1; the one after the last when something is missing at the end.
    pub line: u64,
    /// What is wrong there.
    pub what: Wrong,
}

/// What may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// There is nothing in it.
    #[error("the export is empty")]
    Empty,
    /// A line cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A line stands where it must not.
    #[error("{0} is not expected here")]
    Misplaced(&'static str),
    /// It is of another installation than the key.
    #[error("the key {found} signed it, and it is checked with {expected}")]
    OtherKey {
        /// Its id.
        found: String,
        /// Its id.
        expected: String,
    },
    /// A row is missing, doubled or out of order.
    #[error("row {expected} is expected, and this is row {found}")]
    OutOfOrder {
        /// Its place.
        expected: i64,
        /// Its place.
        found: i64,
    },
    /// Rows before a checkpoint, or before the first row, are missing.
    #[error("rows {from} to {to} are missing")]
    Missing {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// A row or checkpoint of another trail.
    #[error("row {0} is of another trail")]
    Foreign(i64),
    /// A row says something else than what was hashed.
    #[error("row {0} was changed: it does not give its hash")]
    Changed(i64),
    /// A row does not follow the one before it.
    #[error("row {0} does not follow the row before it")]
    Unlinked(i64),
    /// A checkpoint is not what the installation signed.
    #[error("the checkpoint of row {0} is not signed with this key")]
    Unsigned(i64),
    /// A checkpoint was signed for other rows than these.
    #[error("the checkpoint of row {0} was signed for other rows than these: they were written anew")]
    Rewritten(i64),
    /// A checkpoint that was kept elsewhere was signed for other rows than these.
    #[error("row {0} is not the one that a checkpoint kept elsewhere was signed for: the trail was written anew")]
    Elsewhere(i64),
    /// A checkpoint that was kept elsewhere is of a row that is not here.
    #[error(
        "a checkpoint kept elsewhere is of row {expected}, and the export ends at row {found}: its tail was cut off"
    )]
    CutOffBefore {
        /// The row that was signed.
        expected: i64,
        /// The last that is there.
        found: i64,
    },
    /// Rows at the end are missing.
    #[error("the export ends at row {found}, and {expected} are promised: its tail was cut off")]
    CutOff {
        /// Promised by the head.
        expected: i64,
        /// The last that is there.
        found: i64,
    },
    /// No checkpoint covers the end.
    #[error("nothing that was signed covers the rows from {0} on")]
    Uncovered(i64),
}

impl Wrong {
    /// A code for programs and for other languages.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Unreadable(_) => "unreadable",
            Self::Misplaced(_) => "misplaced",
            Self::OtherKey { .. } => "other_key",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::Missing { .. } => "missing",
            Self::Foreign(_) => "foreign",
            Self::Changed(_) => "changed",
            Self::Unlinked(_) => "unlinked",
            Self::Unsigned(_) => "unsigned",
            Self::Rewritten(_) => "rewritten",
            Self::Elsewhere(_) => "elsewhere",
            Self::CutOffBefore { .. } | Self::CutOff { .. } => "cut_off",
            Self::Uncovered(_) => "uncovered",
        }
    }
}

/// What was found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What the export claims to be.
    pub head: Head,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// When the last one was signed.
    pub signed_at: DateTime<Utc>,
}

impl Verified {
    /// How many rows.
    pub fn rows(&self) -> i64 {
        self.head.to - self.head.from + 1
    }
}

/// Checks one line after the other.
pub struct Verifier {
    key: PublicKey,
    line: u64,
    head: Option<Head>,
    /// Of the last row.
    last: (i64, Sha256Hash),
    checkpoints: u64,
    /// The last row that a checkpoint covers, and when that was signed.
    covered: Option<(i64, DateTime<Utc>)>,
    /// What was signed and kept elsewhere, by the row's place.
    elsewhere: BTreeMap<i64, Vec<Checkpoint>>,
}

impl Verifier {
    /// With the key of the installation that the export is said to be of.
    pub fn new(key: PublicKey) -> Self {
        Self {
            key,
            line: 0,
            head: None,
            last: (0, Sha256Hash::ZERO),
            checkpoints: 0,
            covered: None,
            elsewhere: BTreeMap::new(),
        }
    }

    /// Also checks against checkpoints that were kept elsewhere. Those of other trails are left aside. One of this trail
    /// that another key signed is a fault where the trail reaches it: the key was exchanged.
    #[must_use]
    pub fn with_checkpoints(mut self, tenant: Option<Uuid>, kept: impl IntoIterator<Item = Checkpoint>) -> Self {
        for one in kept.into_iter().filter(|one| one.tenant == tenant) {
            let of_row = self.elsewhere.entry(one.sequence).or_default();
            // The same row is signed often while nothing happens.
            if !of_row.iter().any(|known| known.sha256 == one.sha256 && known.key == one.key) {
                of_row.push(one);
            }
        }
        self
    }

    /// The next line, without its end.
    pub fn line(&mut self, text: &str) -> Result<(), Fault> {
        match Line::read(text) {
            Ok(line) => self.check(&line),
            Err(why) => {
                self.line += 1;
                Err(Fault { line: self.line, what: Wrong::Unreadable(why) })
            }
        }
    }

    /// The next line.
    pub fn check(&mut self, line: &Line) -> Result<(), Fault> {
        self.line += 1;
        self.take(line).map_err(|what| Fault { line: self.line, what })
    }

    fn take(&mut self, line: &Line) -> Result<(), Wrong> {
        match (line, &self.head) {
            (Line::Head(head), None) => self.head(head.clone()),
            (Line::Head(_), Some(_)) => Err(Wrong::Misplaced("another head")),
            (_, None) => Err(Wrong::Misplaced("anything but a head")),
            (Line::Row(row), Some(head)) => {
                let (tenant, to) = (head.tenant, head.to);
                self.row(row, tenant, to)
            }
            (Line::Checkpoint(checkpoint), Some(head)) => {
                let tenant = head.tenant;
                self.checkpoint(checkpoint, tenant)
            }
        }
    }

    fn head(&mut self, head: Head) -> Result<(), Wrong> {
        if head.format != FORMAT || head.from < 1 || head.to < head.from - 1 {
            return Err(Wrong::Unreadable("this is no export that can be checked".to_owned()));
        }
        if head.key != self.key {
            return Err(Wrong::OtherKey { found: head.key.id(), expected: self.key.id() });
        }
        if head.from != 1 {
            // Nothing may be left out before there is something signed that says where it is.
            return Err(Wrong::Missing { from: 1, to: head.from - 1 });
        }
        self.head = Some(head);
        Ok(())
    }

    fn row(&mut self, row: &Row, tenant: Option<Uuid>, to: i64) -> Result<(), Wrong> {
        let sequence = row.sequence;
        let (before, hash_before) = self.last;
        if sequence != before + 1 {
            return Err(Wrong::OutOfOrder { expected: before + 1, found: sequence });
        }
        if sequence > to {
            return Err(Wrong::Misplaced("a row past the promised end"));
        }
        if tenant != row.tenant {
            return Err(Wrong::Foreign(sequence));
        }
        if !row.holds() {
            return Err(Wrong::Changed(sequence));
        }
        if row.previous_sha256 != hash_before {
            return Err(Wrong::Unlinked(sequence));
        }
        self.compare(sequence, Some(row.sha256))?;
        self.last = (sequence, row.sha256);
        Ok(())
    }

    /// What was kept of a row must all agree with it; with none, what was kept of a row that is not here. Signatures are
    /// looked at only where something disagrees: a file of checkpoints can be long, and a line in it that nobody signed says
    /// nothing.
    fn compare(&self, sequence: i64, sha256: Option<Sha256Hash>) -> Result<(), Wrong> {
        let own = self.key.id();
        for kept in self.elsewhere.get(&sequence).into_iter().flatten() {
            if kept.key != own {
                return Err(Wrong::OtherKey { found: kept.key.clone(), expected: own });
            }
            if sha256 != Some(kept.sha256) && kept.is_signed_by(&self.key) {
                return Err(Wrong::Elsewhere(sequence));
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint, tenant: Option<Uuid>) -> Result<(), Wrong> {
        let sequence = checkpoint.sequence;
        if tenant != checkpoint.tenant {
            return Err(Wrong::Foreign(sequence));
        }
        if !checkpoint.is_signed_by(&self.key) {
            return Err(Wrong::Unsigned(sequence));
        }
        let (last, hash) = self.last;
        if sequence > last {
            return Err(Wrong::Missing { from: last + 1, to: sequence });
        }
        if sequence < last {
            return Err(Wrong::Misplaced("a checkpoint of another row"));
        }
        if checkpoint.sha256 != hash {
            return Err(Wrong::Rewritten(sequence));
        }
        self.checkpoints += 1;
        self.covered = Some((sequence, checkpoint.at));
        Ok(())
    }

    /// The place of the row that is expected next.
    pub fn next_row(&self) -> i64 {
        self.last.0 + 1
    }

    /// Checkpoints that hold, so far.
    pub fn checkpoints(&self) -> u64 {
        self.checkpoints
    }

    /// There are no more lines.
    pub fn end(self) -> Result<Verified, Fault> {
        let fault = |what| Fault { line: self.line + 1, what };
        let Some(head) = self.head.clone() else { return Err(fault(Wrong::Empty)) };
        let found = self.last.0;
        if found != head.to {
            return Err(fault(Wrong::CutOff { expected: head.to, found }));
        }
        for expected in self.elsewhere.range(found + 1..).map(|(sequence, _)| *sequence).rev() {
            match self.compare(expected, None) {
                Ok(()) => {}
                Err(Wrong::Elsewhere(_)) => return Err(fault(Wrong::CutOffBefore { expected, found })),
                Err(other) => return Err(fault(other)),
            }
        }
        match self.covered {
            Some((covered, signed_at)) if covered == found => {
                Ok(Verified { head, checkpoints: self.checkpoints, signed_at })
            }
            covered => Err(fault(Wrong::Uncovered(covered.map_or(head.from, |(covered, _)| covered + 1)))),
        }
    }
}

/// Checks a whole export that is in memory.
pub fn verify(text: &str, key: &PublicKey) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(key.clone());
    if !text.is_empty() {
        text.strip_suffix('\n').unwrap_or(text).split('\n').try_for_each(|line| verifier.line(line))?;
    }
    verifier.end()
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
