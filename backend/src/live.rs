//! Committed changes on their way to browsers and reconcilers: one connection listens to Postgres, the hub hands what it
//! hears to every stream of this process.

use crate::store::{Store, listen::Listener, nudge::Nudge};
use berth_api_types::v1::live::Topic;
use berth_domain::id::TenantId;
use std::{collections::BTreeSet, time::Duration};
use tokio::{sync::broadcast, time::Instant};
use tokio_util::sync::CancellationToken;

/// Nudges that a slow reader may fall behind before it is told that everything may have changed.
const BACKLOG: usize = 1_024;
/// Between two tries to listen when the database does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Changes that come this soon after others went out are gathered into one event: a rollout touches the same app many
/// times a second. The first after a quiet time goes out at once, as somebody waits for it.
const GATHER: Duration = Duration::from_millis(10);

/// Hands every nudge to every open stream of this process.
#[derive(Clone)]
pub struct Hub {
    sender: broadcast::Sender<Nudge>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }
}

impl Hub {
    /// Hands a nudge out. Nobody listening is fine.
    pub fn publish(&self, nudge: Nudge) {
        self.sender.send(nudge).ok();
    }
    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Nudge> {
        self.sender.subscribe()
    }
    /// What concerns one audience, from now on.
    pub fn follow(&self, audience: Audience) -> Follower {
        Follower { nudges: self.subscribe(), audience, handed_out_at: None }
    }

    /// Listens to the database and hands out what it hears, until `stop`.
    pub async fn listen(self, store: Store, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = self.hear(&store, &mut failing) => heard,
            };
            if let Err(error) = heard {
                if !failing {
                    tracing::warn!(%error, "changes cannot be listened to; tried again");
                }
                failing = true;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    }

    async fn hear(&self, store: &Store, failing: &mut bool) -> Result<(), crate::store::StoreError> {
        let mut listener = Listener::connect(store).await?;
        *failing = false;
        // Whatever happened before this moment was not heard.
        self.publish(Nudge { tenant: None, topics: vec![Topic::Everything] });
        loop {
            self.publish(listener.next().await?);
        }
    }
}

/// Whose changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A tenant's, and the platform's.
    Tenant(TenantId),
    /// The platform's.
    Platform,
}

impl Audience {
    fn concerns(self, nudge: &Nudge) -> bool {
        match self {
            // Nodes carry everybody's apps, and a page that shows both has one stream. That something about nodes changed
            // names nobody and nothing; what it was is asked for with rights of its own.
            Self::Tenant(tenant) => nudge.tenant.is_none_or(|of| of == tenant),
            Self::Platform => nudge.tenant.is_none(),
        }
    }
}

/// Follows what concerns one audience.
pub struct Follower {
    nudges: broadcast::Receiver<Nudge>,
    audience: Audience,
    handed_out_at: Option<Instant>,
}

impl Follower {
    /// The next changes, each once; `None` when the hub is gone. Dropping this future loses nothing but what was gathered,
    /// so await it to its end.
    pub async fn next(&mut self) -> Option<Vec<Topic>> {
        let mut topics = BTreeSet::new();
        while topics.is_empty() {
            let nudge = self.nudges.recv().await;
            self.take(nudge, &mut topics)?;
        }
        let until = self.handed_out_at.map_or_else(Instant::now, |at| at + GATHER);
        while let Ok(nudge) = tokio::time::timeout_at(until, self.nudges.recv()).await {
            self.take(nudge, &mut topics)?;
        }
        self.handed_out_at = Some(Instant::now());
        if topics.contains(&Topic::Everything) {
            return Some(vec![Topic::Everything]);
        }
        Some(topics.into_iter().collect())
    }

    fn take(&self, nudge: Result<Nudge, broadcast::error::RecvError>, topics: &mut BTreeSet<Topic>) -> Option<()> {
        match nudge {
            Ok(nudge) if self.audience.concerns(&nudge) => topics.extend(nudge.topics),
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => {
                topics.insert(Topic::Everything);
            }
            Err(broadcast::error::RecvError::Closed) => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(n: u128) -> TenantId {
        TenantId::new(Uuid::from_u128(n))
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_hears_its_own_changes_and_the_platforms_once_and_no_others() {
        let hub = Hub::default();
        let mut ours = hub.follow(Audience::Tenant(tenant(1)));
        hub.publish(Nudge { tenant: Some(tenant(2)), topics: vec![Topic::Tenant] });
        hub.publish(Nudge { tenant: None, topics: vec![Topic::Nodes] });
        hub.publish(Nudge { tenant: Some(tenant(1)), topics: vec![Topic::Projects] });
        hub.publish(Nudge { tenant: Some(tenant(1)), topics: vec![Topic::Projects, Topic::Tenant] });
        assert_eq!(ours.next().await, Some(vec![Topic::Projects, Topic::Tenant, Topic::Nodes]));
    }

    #[tokio::test(start_paused = true)]
    async fn who_falls_behind_is_told_that_everything_may_have_changed() {
        let hub = Hub::default();
        let mut slow = hub.follow(Audience::Platform);
        for _ in 0..=BACKLOG {
            hub.publish(Nudge { tenant: None, topics: vec![Topic::Nodes] });
        }
        assert_eq!(slow.next().await, Some(vec![Topic::Everything]));
    }
}
