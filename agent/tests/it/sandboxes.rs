//! What an engine must do for prepared networks; part of the [contract](crate::contract).

use crate::{
    act::{Act, PORT},
    bench::{Bench, Wish, Yard, instance},
    contract::get,
};
use berth_agent::container::{Container, Link};
use berth_proto::fleet::ObservedInstance;
use std::net::TcpListener;

fn published(instance: &ObservedInstance) -> u16 {
    u16::try_from(instance.ports[0].host).expect("a port")
}

async fn inspected(yard: &Yard, id: &str) -> Container {
    yard.runtime.inspect(id).await.expect("asked").expect("it is there")
}

fn sandbox_of(container: &Container) -> &str {
    let joined = container.joined.as_ref().expect("it joined a sandbox");
    assert_eq!(joined.link, Link::Up);
    &joined.sandbox
}

/// An instance of its own network, a spare, and an instance that took the spare, ready.
async fn with_one_that_joined(yard: &Yard, first: u128) -> (Bench, ObservedInstance) {
    let bench = Bench::with_spares(yard, 1);
    bench.want(1, vec![Wish::new(first, Act::Serve).of(&bench)]);
    bench.until_phase(first, "ready").await;
    let spare = bench.until_spares(1).await.remove(0);
    bench.want(2, [first, first + 1].map(|number| Wish::new(number, Act::Serve).of(&bench)).to_vec());
    let ready = bench.until_phase(first + 1, "ready").await;
    assert_eq!(sandbox_of(&inspected(yard, &ready.container_id).await), spare);
    (bench, ready)
}

pub async fn the_next_instance_joins_a_prepared_sandbox(yard: &Yard) {
    let (bench, second) = with_one_that_joined(yard, 100).await;
    let first = bench.until_phase(100, "ready").await;
    for instance in [&first, &second] {
        assert!(get(published(instance)).await.starts_with("HTTP/1."), "it answers on its published port");
    }
    let (one, other) = (inspected(yard, &first.container_id).await, inspected(yard, &second.container_id).await);
    assert_eq!((&one.joined, one.environment), (&None, other.environment), "there was no spare for the first");
    assert_ne!(one.address, other.address);
    assert_ne!(published(&first), published(&second));
    let sandbox = sandbox_of(&other).to_owned();
    assert!(bench.until_spares(1).await.iter().all(|spare| *spare != sandbox), "another was made for the next");

    // A sandbox goes with its instance: its port must not lead to the next one a moment later.
    bench.want(3, vec![Wish::new(100, Act::Serve).of(&bench)]);
    bench.until_containers(2).await;
    assert!(yard.runtime.inspect(&sandbox).await.expect("asked").is_none());
    bench.clear(4).await;
}

pub async fn a_sandbox_that_ends_takes_its_instance_along(yard: &Yard) {
    let (bench, before) = with_one_that_joined(yard, 110).await;
    let sandbox = sandbox_of(&inspected(yard, &before.container_id).await).to_owned();
    yard.runtime.remove(&sandbox).await.expect("removed");
    let after = bench
        .until("another container", |seen| {
            instance(seen, 111).filter(|i| i.phase == "ready" && i.container_id != before.container_id)
        })
        .await;
    assert!(get(published(&after)).await.starts_with("HTTP/1."));
    let told = bench.until_event("network_lost").await;
    assert_eq!(told.instance_id, after.instance_id);
    bench.clear(3).await;
}

pub async fn what_ended_with_its_sandbox_is_started_again(yard: &Yard) {
    let (bench, before) = with_one_that_joined(yard, 120).await;
    let sandbox = sandbox_of(&inspected(yard, &before.container_id).await).to_owned();
    // As when the node starts again: first nothing runs, then the agent comes.
    let bench = bench
        .restarted_after(async |bench: &Bench| {
            for id in [&before.container_id, &sandbox] {
                bench.yard.runtime.stop(id, Some(0)).await.expect("stopped");
            }
        })
        .await;
    let after = bench.until_phase(121, "ready").await;
    assert_eq!(after.container_id, before.container_id, "the same container, with its log");
    assert_eq!(sandbox_of(&inspected(yard, &after.container_id).await), sandbox);
    assert!(get(published(&after)).await.starts_with("HTTP/1."), "where its sandbox is now");
    bench.clear(3).await;
}

pub async fn a_restarted_agent_knows_its_sandboxes(yard: &Yard) {
    let (bench, before) = with_one_that_joined(yard, 130).await;
    let spares = bench.until_spares(1).await;
    let bench = bench.restarted().await;
    let first = bench.until("the first observation", |seen| instance(seen, 131)).await;
    assert_eq!((first.phase.as_str(), &first.container_id), ("ready", &before.container_id));
    assert_eq!(first.ports, before.ports);
    // Whether the agent before had used its spare is not known: another one is made, and the next takes that.
    let fresh = bench.until_others_than(&spares).await;
    bench.want(3, [130, 131, 132].map(|number| Wish::new(number, Act::Serve).of(&bench)).to_vec());
    let third = bench.until_phase(132, "ready").await;
    assert_eq!(sandbox_of(&inspected(yard, &third.container_id).await), fresh);
    bench.clear(4).await;
}

pub async fn an_instance_with_a_port_of_the_node_joins_nothing(yard: &Yard) {
    let bench = Bench::with_spares(yard, 1);
    bench.want(1, vec![Wish::new(140, Act::Serve).of(&bench)]);
    bench.until_phase(140, "ready").await;
    bench.until_spares(1).await;
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let host_port = Some(free.local_addr().expect("an address").port());
    drop(free);
    let wishes = [Wish::new(140, Act::Serve), Wish { host_port, ..Wish::new(141, Act::Serve) }];
    bench.want(2, wishes.map(|wish| wish.of(&bench)).to_vec());
    let ready = bench.until_phase(141, "ready").await;
    assert_eq!(inspected(yard, &ready.container_id).await.joined, None);
    assert_eq!((ready.ports[0].container, Some(published(&ready))), (PORT.into(), host_port));
    bench.clear(3).await;
}
