//! Logs of an app: all instances merged in the order of time. Terminals.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Most lines of one answer.
pub const LOG_LINES_MAX: u32 = 5_000;

/// Which lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Lines from the end, per instance, 0 to 5000; 200 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Only one instance, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Only lines that contain this text; case does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Only lines from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Only lines before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// One line. `event: line` of the live log carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLineView {
    /// When Docker read it.
    pub at: DateTime<Utc>,
    /// The instance's name.
    pub instance: String,
    /// Whether it came on standard error.
    pub stderr: bool,
    /// The text; control characters are kept, so show it as text only.
    pub text: String,
    /// Whether the line was longer than 16 KiB and cut.
    pub truncated: bool,
}

/// Lines of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogsView {
    /// In the order of time: the newest 5,000 at the most, and 4 MiB of text.
    pub lines: Vec<LogLineView>,
    /// Instances whose log could not be read, and why. `event: gap` of the live log carries one.
    pub gaps: Vec<LogGapView>,
}

/// An instance whose log cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogGapView {
    /// The instance's name.
    pub instance: String,
    /// Why, in English.
    pub message: String,
}

/// A one-time ticket for a terminal. It is good for 30 seconds and one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TicketView {
    /// Give it as the subprotocol `berth.ticket.{ticket}`, never in a URL.
    pub ticket: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// The subprotocol of terminals. Binary frames carry terminal bytes both ways; text frames carry [`TerminalControl`].
pub const TERMINAL_PROTOCOL: &str = "berth.terminal.v1";

/// What is said beside the bytes of a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TerminalControl {
    /// To the server: the window's size.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// From the server, last: how the shell ended.
    Ended {
        /// Exit code of the shell.
        exit_code: i32,
        /// Why, when it is an error.
        message: String,
    },
}
