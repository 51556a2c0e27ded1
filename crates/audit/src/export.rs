//! A trail as lines of JSON: a head, the rows from the oldest, and checkpoints where they were signed, the last one at the
//! end.

use crate::{
    checkpoint::{Checkpoint, PublicKey},
    row::{Row, sorted},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What [`Head::format`] says today.
pub const FORMAT: &str = "berth-audit-1";
/// The longest line that is read, in bytes: a row holds two states of one thing.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The first line: what the file claims to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    pub format: String,
    /// Of which tenant; none: the platform's.
    pub tenant: Option<Uuid>,
    /// Place of the first row. Anything but 1 is refused: nothing signed says where older rows went.
    pub from: i64,
    /// Place of the last row; one less than `from` when there are none.
    pub to: i64,
    /// The key of the installation that wrote it. Whoever could change the file could change this too: a check that shall
    /// prove something takes the key from elsewhere.
    pub key: PublicKey,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Head(Head),
    /// A row.
    Row(Box<Row>),
    /// A checkpoint of the rows before it.
    Checkpoint(Checkpoint),
}

impl Line {
    /// As one line, with its end.
    pub fn to_text(&self) -> String {
        let mut line = self.clone();
        if let Self::Row(row) = &mut line {
            // One spelling in every program: whether a map keeps its keys' order is not this crate's choice.
            row.before = row.before.take().map(sorted);
            row.after = row.after.take().map(sorted);
        }
        let mut text = serde_json::to_string(&line).expect("keys are text and numbers are finite");
        text.push('\n');
        text
    }

    /// Reads a line without its end. Only the one spelling that [`Line::to_text`] writes is taken.
    pub fn read(text: &str) -> Result<Self, String> {
        let line: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if line.to_text().trim_end_matches('\n') != text {
            return Err("it is not spelled as it was written".to_owned());
        }
        Ok(line)
    }
}
