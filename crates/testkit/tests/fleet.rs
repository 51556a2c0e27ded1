//! The fleet itself: hosts are real, faults are faults, and nothing stays behind.

use berth_local_docker::api::Api;
use berth_testkit::{
    fleet::{CONTROL, Direction, Fleet, unsupported},
    sample, wait,
};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// The sample's page as a client sees it, if it comes soon.
fn fetch(address: Ipv4Addr, port: u16) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, port)), Duration::from_millis(300)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\naccept: application/json\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

fn run_sample(docker: &Api) -> String {
    docker.load_image(&sample::archive("9.1.0", &[])).expect("loaded");
    let wanted = json!({
        "Image": "berth/hello:9.1.0",
        "HostConfig": { "PortBindings": { "8080/tcp": [{ "HostPort": "18080" }] } },
    });
    let made = docker.post("/containers/create", &wanted).expect("made");
    let id = made["Id"].as_str().expect("it has an id").to_owned();
    docker.post(&format!("/containers/{id}/start"), &serde_json::Value::Null).expect("started");
    id
}

#[test]
fn hosts_run_are_cut_off_and_survive() {
    if let Some(why) = unsupported() {
        println!("not tested here: {why}");
        return;
    }
    let mut fleet = Fleet::start(3);
    let directory = fleet.directory().to_owned();
    for host in fleet.hosts() {
        run_sample(&host.docker());
        let answer = wait::until("the sample", PATIENCE, || fetch(host.address(), 18080));
        assert!(answer.contains("9.1.0"), "{answer}");
    }
    a_cut_host_is_alone_until_healed(&fleet);
    a_container_outlives_its_engine(&mut fleet);
    a_frozen_engine_does_not_answer(&fleet);
    a_host_without_power_is_silent(&mut fleet);
    drop(fleet);
    assert!(!directory.exists());
    assert!(!Path::new("/sys/class/net/berth-fleet").exists());
}

fn a_cut_host_is_alone_until_healed(fleet: &Fleet) {
    fleet.host(0).cut(CONTROL, Direction::Incoming);
    assert_eq!(fetch(fleet.host(0).address(), 18080), None);
    fleet.host(0).heal();
    wait::until("the host to be back", PATIENCE, || fetch(fleet.host(0).address(), 18080));
    fleet.host(0).cut(CONTROL, Direction::Both);
    assert_eq!(fetch(fleet.host(0).address(), 18080), None);
    assert!(fetch(fleet.host(1).address(), 18080).is_some(), "the others are not concerned");
    fleet.host(0).heal();
    wait::until("the host to be back", PATIENCE, || fetch(fleet.host(0).address(), 18080));
}

fn a_container_outlives_its_engine(fleet: &mut Fleet) {
    let host = fleet.host_mut(1);
    let before = host.docker().get("/containers/json").expect("listed");
    host.kill_dockerd();
    assert!(!host.docker().ping());
    host.start_engine();
    let after = host.docker().get("/containers/json").expect("listed");
    assert_eq!(before[0]["Id"], after[0]["Id"]);
    assert_eq!(after[0]["State"], "running");
    wait::until("the sample", PATIENCE, || fetch(host.address(), 18080));
}

fn a_frozen_engine_does_not_answer(fleet: &Fleet) {
    fleet.host(1).freeze_dockerd();
    assert!(!fleet.host(1).docker().ping());
    fleet.host(1).thaw_dockerd();
    wait::until("the engine", PATIENCE, || fleet.host(1).docker().ping().then_some(()));
}

fn a_host_without_power_is_silent(fleet: &mut Fleet) {
    let host = fleet.host_mut(2);
    host.power_off();
    assert_eq!(fetch(host.address(), 18080), None);
    host.start_engine();
    let containers = host.docker().get("/containers/json?all=true").expect("listed");
    assert_eq!(containers[0]["State"], "exited", "its disk is as it was");
}
