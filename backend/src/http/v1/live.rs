//! The live streams: what changed, so that a page fetches again just what it shows.

use crate::{
    authz::{
        action::{platform, tenant},
        gate,
        permit::Permit,
    },
    http::{
        error::Failure,
        input::State,
        places::Place,
        reply::{Events, event_stream},
    },
    live::{Audience, Follower},
    service::live::{Sight, sight},
    startup::App,
};
use actix_web::web;
use berth_api_types::v1::live::{BEAT_MS, Beat, Changed, Topic};
use bytes::Bytes;
use futures::Stream;
use serde::Serialize;
use std::{convert::Infallible, time::Duration};

/// Changes of a tenant.
pub async fn follow_tenant(permit: Permit<tenant::Live>, app: State) -> Result<Events, Failure> {
    let place = app.streams.take(permit.actor().user)?;
    Ok(event_stream(stream(app.0, Reader::Tenant(permit), place)))
}

/// Changes of the platform.
pub async fn follow_platform(permit: Permit<platform::Live>, app: State) -> Result<Events, Failure> {
    let place = app.streams.take(permit.actor().user)?;
    Ok(event_stream(stream(app.0, Reader::Platform(permit), place)))
}

/// Who reads a stream.
enum Reader {
    Tenant(Permit<tenant::Live>),
    Platform(Permit<platform::Live>),
}

impl Reader {
    fn audience(&self) -> Audience {
        match self {
            Self::Tenant(permit) => Audience::Tenant(permit.scope().tenant.id),
            Self::Platform(_) => Audience::Platform,
        }
    }

    /// What they may hear of as things are now, or that they may not read any more.
    async fn look(&self, app: &App) -> Result<Option<Sight>, Failure> {
        Ok(match self {
            Self::Tenant(permit) if gate::still_holds(&app.store, permit).await? => {
                Some(sight(&app.store, permit).await?)
            }
            Self::Platform(permit) if gate::still_holds(&app.store, permit).await? => Some(Sight::All),
            Self::Tenant(_) | Self::Platform(_) => None,
        })
    }
}

/// A stream ends when the server stops, or when its reader may not read any more: a change of roles takes effect within
/// one beat.
fn stream(app: web::Data<App>, reader: Reader, place: Place) -> impl Stream<Item = Result<Bytes, Infallible>> {
    async_stream::stream! {
        let _place = place;
        // Followed before the first word, so that nothing between the two is missed.
        let mut changes = gather(app.live.follow(reader.audience()));
        let mut beats = tokio::time::interval(Duration::from_millis(BEAT_MS));
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = Sight::default();
        loop {
            tokio::select! {
                biased;
                () = app.stopping.cancelled() => break,
                _ = beats.tick() => {
                    match reader.look(&app).await {
                        Ok(Some(sight)) => seen = sight,
                        Ok(None) => break,
                        // While the database does not answer nothing changes either; the page keeps its stream.
                        Err(_) => {}
                    }
                    yield Ok(event("beat", &Beat { at: app.clock.now() }));
                }
                topics = changes.recv() => {
                    let Some(mut topics) = topics else { break };
                    topics.retain(|topic| seen.covers(topic));
                    if !topics.is_empty() {
                        yield Ok(event("changed", &Changed { topics }));
                    }
                }
            }
        }
    }
}

/// Follows on a task of its own, as what was gathered must not be lost to a beat.
fn gather(mut follower: Follower) -> tokio::sync::mpsc::Receiver<Vec<Topic>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    actix_web::rt::spawn(async move {
        loop {
            let topics = tokio::select! {
                () = sender.closed() => return,
                topics = follower.next() => topics,
            };
            let Some(topics) = topics else { return };
            if sender.send(topics).await.is_err() {
                return;
            }
        }
    });
    receiver
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
