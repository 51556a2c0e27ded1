//! The control plane's absence is not an outage, and what it says wrongly is not believed.

use berth_api_types::{error::ProblemCode, path};
use berth_domain::{id::AppId, node::NodeState};
use berth_fleet_tests::{
    client::Failure,
    containers,
    run::{on_own_hosts, on_shared_hosts},
    stack::Stack,
    visitor::ask,
    wait::{AFTER_A_LOSS, SOON, until},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{fs, net::SocketAddr};

async fn all_answer(endpoints: &[SocketAddr]) {
    assert_eq!(endpoints.len(), 3);
    for endpoint in endpoints {
        ask(*endpoint).await.expect("it answers");
    }
}

#[test]
fn apps_answer_without_server_and_database_and_a_restarted_agent_keeps_them() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        let endpoints = apps.endpoints("web").await.expect("listed");
        let before = containers::running(&stack.fleet, app.id);
        stack.stop_server();
        stack.database.stop();
        all_answer(&endpoints).await;
        stack.kill_agent(0);
        stack.start_agent(0, None);
        // An instance that ends while nobody is there is started again all the same: by the restarted agent and by one
        // that ran on.
        for host in 0..2 {
            let endpoint = crash(stack, app.id, host).await;
            until("it to answer again", SOON, async || ask(endpoint).await).await;
        }
        assert_eq!(containers::running(&stack.fleet, app.id), before, "the same containers");
        stack.database.resume();
        stack.start_server().await;
        apps.until_healthy("web", AFTER_A_LOSS).await;
        assert_eq!(containers::running(&stack.fleet, app.id), before, "the same containers");
        apps.delete("web").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

/// Kills the process of an app's container on a host, and waits until it runs again. Returns where it is reached then:
/// Docker gives it another port.
async fn crash(stack: &Stack, app: AppId, host: usize) -> SocketAddr {
    let host = stack.fleet.host(host);
    let container = containers::on_host(host, app).pop_first().expect("one runs here");
    let inspect = || host.docker().get(&format!("/containers/{}/json", container.id)).expect("it is there");
    let before = inspect()["State"]["Pid"].clone();
    let pid = i32::try_from(before.as_i64().expect("it runs")).expect("a process id fits into an i32");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
    until("the instance to run again", SOON, async || {
        let now = inspect();
        let port =
            now["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"].as_str().and_then(|port| port.parse().ok());
        match port {
            Some(port) if now["State"]["Pid"] != before => Ok((host.address(), port).into()),
            _ => Err(now["State"].to_string()),
        }
    })
    .await
}

#[test]
fn a_database_that_is_away_is_said_and_survived() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        let endpoints = apps.endpoints("web").await.expect("listed");
        stack.database.stop();
        let retry_after_s = until("a word about the database", SOON, async || match apps.app("web").await {
            Err(Failure::Refused { problem, retry_after_s }) if problem.code == ProblemCode::Unavailable => {
                assert_eq!(problem.status, 503);
                Ok(retry_after_s)
            }
            other => Err(format!("{other:?}")),
        })
        .await;
        assert!(retry_after_s.is_some_and(|seconds| (1..=60).contains(&seconds)), "{retry_after_s:?}");
        let scaled: Result<Value, _> = stack.client().get(&path::me()).await;
        assert_eq!(scaled.err().and_then(|failure| failure.code()), Some(ProblemCode::Unavailable));
        all_answer(&endpoints).await;
        stack.database.resume();
        // By itself: nobody restarts the server.
        until("the server to be well again", SOON, async || {
            apps.app("web").await.map_err(|failure| failure.to_string())
        })
        .await;
        apps.scale("web", 4).await;
        apps.until_healthy("web", AFTER_A_LOSS).await;
        apps.delete("web").await;
        containers::until_exactly(&stack.fleet, app.id, 0, AFTER_A_LOSS).await;
    });
}

#[test]
fn a_database_that_hangs_is_said_and_survived() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        let endpoints = apps.endpoints("web").await.expect("listed");
        stack.database.freeze();
        until("a word about the database", SOON, async || match apps.app("web").await {
            Err(Failure::Refused { problem, .. }) if problem.code == ProblemCode::Unavailable => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        all_answer(&endpoints).await;
        stack.database.thaw();
        apps.until_healthy("web", AFTER_A_LOSS).await;
        apps.scale("web", 2).await;
        apps.until_healthy("web", AFTER_A_LOSS).await;
        apps.delete("web").await;
        containers::until_exactly(&stack.fleet, app.id, 0, AFTER_A_LOSS).await;
    });
}

#[test]
fn neither_a_foreign_server_nor_an_old_backup_stops_what_runs() {
    on_own_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        stack.stop_server();
        stack.database.copy("backup").await;
        stack.start_server().await;
        let app = apps.run("web", 3, apps.hello("1"), AFTER_A_LOSS).await;
        let endpoints = apps.endpoints("web").await.expect("listed");
        let before = containers::running(&stack.fleet, app.id);

        // Another installation at the same address.
        stack.stop_server();
        stack.database.create_empty("another").await;
        stack.start_server_with(&stack.database.url_of("another"), "server-foreign").await;
        until_all_agents_say(stack, "no connection to the server").await;
        assert_eq!(containers::running(&stack.fleet, app.id), before, "a foreign server changes nothing");

        // The same installation as it was before the app was made.
        stack.stop_server();
        stack.start_server_with(&stack.database.url_of("backup"), "server").await;
        for host in 0..3 {
            stack.until_node(host, NodeState::Ready, AFTER_A_LOSS).await;
        }
        assert_eq!(apps.app("web").await.expect_err("it knows no app").code(), Some(ProblemCode::NotFound));
        all_answer(&endpoints).await;
        assert_eq!(containers::running(&stack.fleet, app.id), before, "what it does not know runs on");

        // And the right one again.
        stack.stop_server();
        stack.start_server().await;
        apps.until_healthy("web", AFTER_A_LOSS).await;
        assert_eq!(containers::running(&stack.fleet, app.id), before, "the same containers");
    });
}

/// Waits until the log of every agent says something that it did not say before.
async fn until_all_agents_say(stack: &Stack, what: &str) {
    let count = |host: usize| {
        let log = stack.directory().join(format!("log/agent{host}.log"));
        fs::read_to_string(log).unwrap_or_default().matches(what).count()
    };
    let before: Vec<_> = (0..3).map(count).collect();
    until("the agents' word", AFTER_A_LOSS, async || {
        let now: Vec<_> = (0..3).map(count).collect();
        if now.iter().zip(&before).all(|(now, before)| now > before) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
}
