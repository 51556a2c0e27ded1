//! Somebody who uses an app all the time: reads where its ready instances are, as a balancer does, and asks one.

use crate::{apps::Apps, client::http};
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// Between two requests.
const EVERY: Duration = Duration::from_millis(20);
/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A visitor that is on its way.
#[derive(Debug)]
pub struct Visitor {
    end: watch::Sender<bool>,
    task: JoinHandle<Visits>,
}

/// What a visitor saw.
#[derive(Debug, Default)]
pub struct Visits {
    /// Requests that were answered, by the version that answered.
    pub answered: BTreeMap<String, u64>,
    /// Requests whose endpoint was gone, and which were answered by another one at once.
    pub moved: u64,
    /// Requests that nobody answered, and why.
    pub failed: Vec<String>,
    /// Fewest ready endpoints that were seen.
    pub endpoints_min: usize,
}

/// What the sample says of itself.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// Its version.
    pub version: String,
    /// Which instance.
    pub instance: String,
}

impl Visitor {
    /// Begins to visit an app that is healthy.
    pub fn begin(apps: &Apps, name: &str) -> Self {
        let (end, ended) = watch::channel(false);
        Self { end, task: tokio::spawn(visit(apps.clone(), name.to_owned(), ended)) }
    }

    /// Ends it; panics when a request failed.
    pub async fn end(self) -> Visits {
        self.end.send(true).ok();
        let visits = self.task.await.expect("the visitor does not panic");
        let count: u64 = visits.answered.values().sum();
        assert!(count > 0, "nobody was visited");
        assert!(visits.failed.is_empty(), "{} of {count} requests failed: {:?}", visits.failed.len(), visits.failed);
        visits
    }
}

async fn visit(apps: Apps, name: String, ended: watch::Receiver<bool>) -> Visits {
    let mut visits = Visits { endpoints_min: usize::MAX, ..Visits::default() };
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut turn = 0;
    while !*ended.borrow() {
        tick.tick().await;
        turn += 1;
        let mut answer = once(&apps, &name, turn, &mut visits).await;
        if answer.is_err() {
            // An instance may stop between being read and being asked; whoever reads again is answered.
            turn += 1;
            answer = once(&apps, &name, turn, &mut visits).await;
            visits.moved += u64::from(answer.is_ok());
        }
        match answer {
            Ok(answer) => *visits.answered.entry(answer.version).or_default() += 1,
            Err(why) => visits.failed.push(why),
        }
    }
    visits
}

async fn once(apps: &Apps, name: &str, turn: usize, visits: &mut Visits) -> Result<Answer, String> {
    let endpoints = apps.endpoints(name).await.map_err(|failure| failure.to_string())?;
    visits.endpoints_min = visits.endpoints_min.min(endpoints.len());
    let endpoint = endpoints.get(turn % endpoints.len().max(1)).ok_or("no endpoint is ready")?;
    ask(*endpoint).await
}

/// Asks one instance who it is, on a connection of its own.
pub async fn ask(endpoint: SocketAddr) -> Result<Answer, String> {
    let client = http(|builder| builder.timeout(ANSWER_MAX).pool_max_idle_per_host(0));
    let request = client.get(format!("http://{endpoint}/"));
    let answer = request.header("accept", "application/json").send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status).map_err(|error| format!("{error:?}"))?;
    answer.json().await.map_err(|error| format!("{error:?}"))
}
