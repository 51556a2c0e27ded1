//! Cursor pages.

use serde::{Deserialize, Serialize};

/// Entries of a page when nothing was asked for.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// Most entries of a page: a body stays below a megabyte.
pub const PAGE_LIMIT_MAX: u32 = 500;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; none on the last one.
    pub next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries, 1 to 500; 50 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
