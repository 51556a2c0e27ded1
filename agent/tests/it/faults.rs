//! What an agent does when something is wrong around it, with an engine in memory.

use crate::{
    act::Act,
    archive,
    bench::{Bench, Wish, Yard, instance},
    fake::FakeRuntime,
};
use async_trait::async_trait;
use berth_agent::{
    images::Images,
    reason::Reason,
    runtime::Credential,
    uplink::{Uplink, UplinkError},
    wanted::Wanted,
};
use berth_domain::id::{ImageId, InstanceId};
use bytes::Bytes;
use futures::stream::BoxStream;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

fn yard() -> (FakeRuntime, Yard) {
    let runtime = FakeRuntime::default();
    let yard = Yard { runtime: Arc::new(runtime.clone()), archive: Arc::new(archive::busybox()) };
    (runtime, yard)
}

#[tokio::test]
async fn an_empty_set_that_comes_before_the_first_look_stops_nothing() {
    let (runtime, yard) = yard();
    let bench = Bench::new(&yard);
    bench.want(1, vec![Wish::new(1, Act::Serve).of(&bench)]);
    let before = bench.until_phase(1, "ready").await;

    runtime.set_away(true);
    let bench = bench.restarted().await;
    bench.want(2, vec![]);
    runtime.set_away(false);
    bench.until_event("refused_empty_set").await;
    let after = bench.until_phase(1, "ready").await;
    assert_eq!((after.container_id, after.restarts), (before.container_id, 0));
    bench.clear(3).await;
}

#[tokio::test]
async fn an_empty_set_that_comes_before_the_first_look_is_taken_when_nothing_is_here() {
    let (runtime, yard) = yard();
    runtime.set_away(true);
    let bench = Bench::new(&yard);
    bench.want(1, vec![]);
    runtime.set_away(false);
    bench.until("the set", |seen| (seen.generation.generation == 1).then_some(())).await;
    bench.clear(2).await;
}

#[tokio::test]
async fn a_container_that_cannot_be_looked_at_hides_no_other() {
    let (runtime, yard) = yard();
    let bench = Bench::new(&yard);
    let wishes = |bench: &Bench| [1, 2].map(|n| Wish::new(n, Act::Serve).of(bench)).to_vec();
    bench.want(1, wishes(&bench));
    let damaged = bench.until_phase(1, "ready").await;
    let whole = bench.until_phase(2, "ready").await;

    runtime.damage(&damaged.container_id);
    let bench = bench.restarted().await;
    assert_eq!(bench.until_phase(2, "ready").await.container_id, whole.container_id);
    let seen = bench.until("what is wrong", |seen| instance(seen, 1).filter(|i| !i.message.is_empty())).await;
    assert!(seen.message.contains("damaged"), "{seen:?}");
}

/// One instance has credentials, all others have none.
struct Credentials(InstanceId);

#[async_trait]
impl Uplink for Credentials {
    async fn pull_credential(&self, instance: InstanceId) -> Result<Option<Credential>, UplinkError> {
        let credential = Credential { username: "shop".to_owned(), password: "s3cret".to_owned().into() };
        Ok((instance == self.0).then_some(credential))
    }
    async fn fetch_image(&self, _: ImageId) -> Result<BoxStream<'static, Result<Bytes, std::io::Error>>, UplinkError> {
        Err(UplinkError("there is none".to_owned()))
    }
}

#[tokio::test]
async fn tenants_share_neither_credentials_nor_refusals() {
    let (runtime, yard) = yard();
    let wanted = |number: u128, tenant: u128| {
        let wish = Wish { reference: Some("private.example/shop:1".to_owned()), ..Wish::new(number, Act::Serve) };
        let mut message = wish.on_wire(&yard.archive);
        message.tenant_id = Uuid::from_u128(tenant).as_bytes().to_vec();
        Wanted::from_wire(message).expect("a valid instance")
    };
    let (stranger, owner) = (wanted(1, 1), wanted(2, 2));
    let uplink = Arc::new(Credentials(owner.instance));
    let images = Arc::new(Images::new(Arc::new(runtime), uplink, BTreeMap::new()));
    // Both want it at the same moment, whoever asks first.
    let (refused, had) = tokio::join!(images.get(&stranger, |_| {}), images.get(&owner, |_| {}));
    assert_eq!(refused.expect_err("no credentials").reason, Reason::RegistryDenied);
    had.expect("with credentials");
    let (had, refused) = tokio::join!(images.get(&owner, |_| {}), images.get(&stranger, |_| {}));
    assert_eq!(refused.expect_err("no credentials").reason, Reason::RegistryDenied);
    had.expect("with credentials");
}
