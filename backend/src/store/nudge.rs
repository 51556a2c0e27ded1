//! Nudges: `NOTIFY berth_live` with what was touched. They carry no data, may be lost or doubled, and are sent by the
//! transaction that made the change, so that nobody looks before it is there.

use super::StoreError;
pub use berth_api_types::v1::live::Topic;
use berth_domain::id::TenantId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// The channel of Postgres' NOTIFY.
pub const CHANNEL: &str = "berth_live";
/// Postgres takes payloads below 8000 bytes.
const PAYLOAD_BYTES_MAX: usize = 7_900;

/// What changed, for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudge {
    /// Whose; none: the platform's.
    pub tenant: Option<TenantId>,
    /// Each once.
    pub topics: Vec<Topic>,
}

impl Nudge {
    fn payload(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.len() <= PAYLOAD_BYTES_MAX {
            return text;
        }
        let short = Self { tenant: self.tenant, topics: vec![Topic::Everything] };
        serde_json::to_string(&short).unwrap_or_default()
    }
}

/// Sends a nudge when the transaction commits.
pub(super) async fn send(connection: &mut PgConnection, nudge: &Nudge) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, nudge.payload()).execute(connection).await?;
    Ok(())
}
