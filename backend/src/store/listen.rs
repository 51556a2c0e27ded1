//! The receiving end of nudges: one connection that listens, apart from the pools.

use super::{
    Store, StoreError,
    nudge::{CHANNEL, Nudge},
};
use berth_api_types::v1::live::Topic;
use sqlx::postgres::{PgListener, PgPoolOptions};

/// A connection that listens.
pub struct Listener(PgListener);

impl Listener {
    /// Connects and listens.
    pub async fn connect(store: &Store) -> Result<Self, StoreError> {
        let options = (*store.listen_pool().connect_options()).clone();
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// The next nudge. After the connection was lost: that everything may have changed, as some were missed.
    pub async fn next(&mut self) -> Result<Nudge, StoreError> {
        let everything = || Nudge { tenant: None, topics: vec![Topic::Everything] };
        let Some(notification) = self.0.try_recv().await? else { return Ok(everything()) };
        // A nudge of a newer server that we cannot read is a nudge still.
        Ok(serde_json::from_str(notification.payload()).unwrap_or_else(|_| everything()))
    }
}
