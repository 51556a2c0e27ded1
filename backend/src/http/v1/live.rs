//! The live streams: what changed, so that a page fetches again just what it shows.

use crate::{
    authz::{
        action::{Action, platform, tenant},
        gate,
        permit::Permit,
    },
    http::{
        error::Failure,
        input::State,
        reply::{Events, event_stream},
    },
    live::{Audience, Follower},
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
    let audience = Audience::Tenant(permit.scope().tenant.id);
    Ok(event_stream(stream(app.0, permit, audience)))
}

/// Changes of the platform.
pub async fn follow_platform(permit: Permit<platform::Live>, app: State) -> Result<Events, Failure> {
    Ok(event_stream(stream(app.0, permit, Audience::Platform)))
}

/// A stream ends when the server stops, or when the permit no longer holds: a change of roles takes effect here within
/// one beat.
fn stream<A: Action>(
    app: web::Data<App>,
    permit: Permit<A>,
    audience: Audience,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    async_stream::stream! {
        // Followed before the first word, so that nothing between the two is missed.
        let mut changes = gather(app.live.follow(audience));
        let mut beats = tokio::time::interval(Duration::from_millis(BEAT_MS));
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = app.stopping.cancelled() => break,
                _ = beats.tick() => {
                    // While the database does not answer nothing can change either; the page keeps its stream.
                    if let Ok(false) = gate::still_holds(&app.store, &permit).await {
                        break;
                    }
                    yield Ok(event("beat", &Beat { at: app.clock.now() }));
                }
                topics = changes.recv() => match topics {
                    Some(topics) => yield Ok(event("changed", &Changed { topics })),
                    None => break,
                },
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
