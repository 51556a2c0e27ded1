//! What cannot run says why, where it was asked for, and leaves nothing half-made.

use berth_api_types::error::ProblemCode;
use berth_domain::{lifecycle::AppState, quantity::Resources};
use berth_fleet_tests::{
    client::Failure,
    containers,
    run::on_shared_hosts,
    stack::Stack,
    wait::{SOON, until},
};
use berth_testkit::{sample, wait};
use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

/// A port of the hosts that the tests take.
const TAKEN: u16 = 18_999;

#[test]
fn an_unknown_image_is_refused_and_no_app_is_made() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let mut spec = apps.hello("1");
        // Nobody listens on the discard port, so that this needs no network.
        spec.image = "localhost:9/nowhere/nothing:1".into();
        let failure = apps.create("ghost", 1, spec).await.expect_err("there is no such image");
        let codes = [ProblemCode::ImageNotFound, ProblemCode::RegistryUnavailable, ProblemCode::RegistryDenied];
        assert!(failure.code().is_some_and(|code| codes.contains(&code)), "{failure}");
        let failure = apps.app("ghost").await.expect_err("it was not made");
        assert_eq!(failure.code(), Some(ProblemCode::NotFound));
    });
}

#[test]
fn what_fits_nowhere_names_what_each_node_lacks() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let mut spec = apps.hello("1");
        spec.resources = Resources::new(200_000, 16);
        let app = apps.create("giant", 1, spec).await.unwrap_or_else(|failure| panic!("{failure}"));
        let refusal = until("the refusal", SOON, async || {
            let app = apps.app("giant").await.map_err(|failure| failure.to_string())?;
            app.refusals.first().cloned().ok_or_else(|| format!("{:?}", app.state))
        })
        .await;
        assert_eq!(refusal.reasons, BTreeMap::from([("cpu".to_owned(), 3)]));
        let nearest = refusal.nearest.expect("it says what the nearest node lacks");
        assert!(nearest.contains("node-"), "{nearest}");
        assert_eq!(containers::running(&stack.fleet, app.id).len(), 0);
        apps.delete("giant").await;
    });
}

#[test]
fn a_host_port_that_something_else_holds_is_said_and_used_when_it_comes_free() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        // Something that is not ours, on every host: the sample, outside of any container.
        let program = sample::build(&sample::target_dir()).expect("examples/hello builds");
        let takers: Vec<_> = stack
            .fleet
            .hosts()
            .iter()
            .map(|host| Taker::of(host.command(&program), (host.address(), TAKEN).into()))
            .collect();
        let mut spec = apps.hello("1");
        spec.ports[0].host = Some(TAKEN);
        spec.rollout.max_unavailable = 1;
        let app = apps.create("fixed", 1, spec).await.unwrap_or_else(|failure| panic!("{failure}"));
        until("a word about the port", SOON, async || {
            let app = apps.app("fixed").await.map_err(|failure| failure.to_string())?;
            let instances = apps.instances("fixed").await.map_err(|failure| failure.to_string())?;
            // The scheduler knows of ports that a node has told; the agent finds the others.
            let refused = app.refusals.iter().any(|refusal| refusal.reasons.contains_key("host_port"));
            let found = instances.iter().any(|instance| instance.reason == "port_in_use");
            if refused || found { Ok(()) } else { Err(format!("{:?} {instances:?}", app.refusals)) }
        })
        .await;
        assert_ne!(apps.app("fixed").await.expect("it is there").state, AppState::Healthy);
        drop(takers);
        apps.until_healthy("fixed", SOON).await;
        let endpoints = apps.endpoints("fixed").await.expect("listed");
        assert_eq!(endpoints[0].port(), TAKEN);
        apps.delete("fixed").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

#[test]
fn fields_that_are_wrong_are_named() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let mut spec = apps.hello("1");
        spec.env.insert("NOT A NAME".into(), "x".into());
        spec.ports[0].container = 0;
        let Err(Failure::Refused { problem, .. }) = apps.create("Wrong_Name", 1, spec).await else {
            panic!("it was not refused");
        };
        assert_eq!((problem.status, problem.code), (422, ProblemCode::InvalidFields));
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        for field in ["name", "spec.env.NOT A NAME", "spec.ports[0].container"] {
            assert!(fields.contains(&field), "{fields:?}");
        }
    });
}

/// A process that listens, killed when it is dropped.
struct Taker(Child);

impl Taker {
    fn of(mut command: Command, address: SocketAddr) -> Self {
        command.env("HELLO_PORT", address.port().to_string()).stdout(Stdio::null());
        let taker = Self(command.spawn().expect("the sample starts"));
        wait::until("the port to be taken", SOON, || TcpStream::connect(address).ok());
        taker
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
