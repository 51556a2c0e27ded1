//! The difference between wanted and found, case by case.

use super::*;
use crate::{
    container::{Exit, Joined, Link},
    testing,
};
use std::net::{IpAddr, Ipv4Addr};

const NOW_MS: u64 = 1_000_000;
const PUBLISH_ON: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A world to look at; each test changes what it is about.
#[derive(Default)]
struct World {
    wanted: WantedSet,
    containers: BTreeMap<String, Container>,
    backoffs: BTreeMap<InstanceId, Backoff>,
    launching: BTreeMap<InstanceId, Launching>,
    watched: BTreeMap<InstanceId, String>,
    stopping: BTreeMap<String, Attempt>,
    confining: BTreeMap<String, Attempt>,
    spares: usize,
    taken: BTreeSet<String>,
    preparing: BTreeMap<SandboxKey, Attempt>,
    looking: bool,
    quiet_at_ms: u64,
    stale: bool,
}

impl World {
    fn wants(mut self, number: u128) -> Self {
        let wanted = testing::wanted(number, "nginx");
        self.wanted.insert(wanted.instance, wanted);
        self
    }
    fn wants_stopped(self, number: u128) -> Self {
        let mut world = self.wants(number);
        world.wanted.values_mut().for_each(|wanted| wanted.stop = wanted.stop || wanted.instance == id(number));
        world
    }
    fn has(mut self, container: &str, number: u128, generation: u64, state: ContainerState) -> Self {
        let made = Container { generation, state, ..testing::container(container, number) };
        self.containers.insert(container.to_owned(), made);
        self
    }
    fn keeps(mut self, spares: usize) -> Self {
        self.spares = spares;
        self
    }
    fn has_sandbox(mut self, container: &str, state: ContainerState) -> Self {
        self.containers.insert(container.to_owned(), Container { state, ..testing::sandbox(container, key_of(1)) });
        self
    }
    fn has_joined(mut self, container: &str, number: u128, state: ContainerState, sandbox: &str, link: Link) -> Self {
        let joined = Some(Joined { sandbox: sandbox.to_owned(), link });
        let made = Container { state, joined, ..testing::container(container, number) };
        self.containers.insert(container.to_owned(), made);
        self
    }
    fn spare(&self) -> Vec<String> {
        self.decide().spare.into_iter().map(|(_, id)| id).collect()
    }
    fn decide(&self) -> Decision {
        diff(&View {
            wanted: &self.wanted,
            containers: &self.containers,
            backoffs: &self.backoffs,
            launching: &self.launching,
            watched: &self.watched,
            stopping: &self.stopping,
            confining: &self.confining,
            sandboxes: SandboxView {
                spares: self.spares,
                publish_on: PUBLISH_ON,
                taken: &self.taken,
                preparing: &self.preparing,
                seen: !self.looking,
                quiet_at_ms: self.quiet_at_ms,
            },
            fresh: !self.stale,
            now_ms: NOW_MS,
        })
    }
    fn steps(&self) -> Vec<Step> {
        self.decide().steps
    }
}

fn id(number: u128) -> InstanceId {
    testing::wanted(number, "nginx").instance
}
fn key_of(number: u128) -> SandboxKey {
    SandboxKey::of(&testing::wanted(number, "nginx"), PUBLISH_ON).expect("one that any sandbox fits")
}
fn prepare() -> Step {
    Step::Prepare { key: key_of(1) }
}
fn going(generation: u64) -> Launching {
    Launching { generation, cancelled: false }
}
fn launch(number: u128, container: Option<&str>) -> Step {
    Step::Launch { instance: id(number), container: container.map(str::to_owned) }
}
fn watch(number: u128, container: &str) -> Step {
    Step::Watch { instance: id(number), container: container.to_owned() }
}
fn stop_of(container: &str, grace_s: Option<u32>) -> Step {
    Step::Stop { container: container.to_owned(), grace_s }
}
fn exited() -> ContainerState {
    ContainerState::Exited(Exit::default())
}

#[test]
fn what_is_missing_is_launched_and_what_runs_is_watched() {
    let world = World::default().wants(1).wants(2).wants(3).has("b", 2, 1, ContainerState::Running);
    let mut world = world.has("c", 3, 1, ContainerState::Running);
    world.watched.insert(id(3), "c".to_owned());
    assert_eq!(world.steps(), [launch(1, None), watch(2, "b")]);
}

#[test]
fn a_container_that_is_there_is_started_rather_than_made_again() {
    for state in [ContainerState::Created, exited()] {
        assert_eq!(World::default().wants(1).has("a", 1, 1, state).steps(), [launch(1, Some("a"))]);
    }
}

#[test]
fn an_instance_in_back_off_waits_and_says_until_when() {
    let mut world = World::default().wants(1).wants(2).has("a", 1, 1, exited());
    world.backoffs.insert(id(1), Backoff::default().after_failure(NOW_MS, 0));
    world.backoffs.insert(id(2), Backoff::default().after_failure(NOW_MS, 0).after_failure(NOW_MS, 0));
    assert_eq!(world.decide(), Decision { look_again_ms: Some(NOW_MS + 1_000), ..Decision::default() });
    world.backoffs.insert(id(1), Backoff::default().after_failure(NOW_MS - 1_000, 0));
    assert_eq!(world.steps(), [launch(1, Some("a"))]);
}

#[test]
fn one_launch_at_a_time() {
    let mut world = World::default().wants(1).has("a", 1, 1, ContainerState::Created);
    world.launching.insert(id(1), going(1));
    assert_eq!(world.steps(), []);
}

#[test]
fn another_generation_goes_before_the_new_one_comes() {
    let mut world = World::default().wants(1).has("old", 1, 7, ContainerState::Running);
    assert_eq!(world.steps(), [stop_of("old", Some(10))]);
    world.stopping.insert("old".to_owned(), Attempt::Going);
    assert_eq!(world.steps(), []);
    world.containers.clear();
    assert_eq!(world.steps(), [launch(1, None)]);
}

#[test]
fn a_launch_of_another_generation_is_told_to_give_up_once() {
    let mut world = World::default().wants(1);
    world.launching.insert(id(1), going(7));
    assert_eq!(world.steps(), [Step::Cancel { instance: id(1) }]);
    world.launching.insert(id(1), Launching { generation: 7, cancelled: true });
    assert_eq!(world.steps(), []);
}

#[test]
fn of_two_containers_of_one_instance_the_running_one_stays() {
    let world = World::default().wants(1).has("a", 1, 1, exited()).has("b", 1, 1, ContainerState::Running);
    assert_eq!(world.steps(), [stop_of("a", Some(10)), watch(1, "b")]);
}

#[test]
fn stopping_is_cancel_then_stop_then_settled() {
    let mut world = World::default().wants_stopped(1);
    world.launching.insert(id(1), going(1));
    assert_eq!(world.steps(), [Step::Cancel { instance: id(1) }]);
    world.launching.clear();
    let mut world = world.has("a", 1, 1, ContainerState::Running);
    assert_eq!(world.steps(), [stop_of("a", Some(10))]);
    world.containers.clear();
    assert_eq!(world.steps(), [Step::Settle { instance: id(1) }]);
}

#[test]
fn what_no_set_names_is_stopped_only_when_a_set_came() {
    let mut world = World::default().has("a", 1, 1, ContainerState::Running);
    world.stale = true;
    assert_eq!(world.steps(), []);
    world.stale = false;
    assert_eq!(world.steps(), [stop_of("a", None)]);
}

#[test]
fn what_would_not_stop_is_tried_again_later() {
    let mut world = World::default().wants_stopped(1).has("a", 1, 1, ContainerState::Running);
    world.stopping.insert("a".to_owned(), Attempt::RetryAt(NOW_MS + 5));
    assert_eq!(world.decide(), Decision { look_again_ms: Some(NOW_MS + 5), ..Decision::default() });
    world.stopping.insert("a".to_owned(), Attempt::RetryAt(NOW_MS));
    assert_eq!(world.steps(), [stop_of("a", Some(10))]);
}

#[test]
fn a_spec_that_cannot_be_read_can_still_be_stopped() {
    let mut world = World::default().has("a", 1, 1, ContainerState::Running);
    let mut wanted = testing::wanted_with(1, "{\"image\":\"x\",\"from\":\"the future\"}".to_owned(), "x");
    wanted.stop = true;
    world.wanted.insert(wanted.instance, wanted);
    assert_eq!(world.steps(), [stop_of("a", None)]);
}

#[test]
fn nothing_that_is_wanted_and_runs_is_ever_stopped() {
    // Every mix of states for two containers of one wanted instance, and of what is known about them.
    let states = [ContainerState::Created, ContainerState::Running, exited(), ContainerState::Dying];
    for first in &states {
        for second in &states {
            for fresh in [false, true] {
                let mut world = World::default().wants(1).has("a", 1, 1, first.clone()).has("b", 1, 2, second.clone());
                world.stale = !fresh;
                let stopped = world.steps().contains(&stop_of("a", Some(10)));
                assert!(!stopped || *first == ContainerState::Dying, "{first:?} {second:?}");
            }
        }
    }
}

#[test]
fn networks_go_with_the_last_of_their_environment() {
    let world = World::default().wants(1);
    let environment = world.wanted[&id(1)].environment;
    let names = [crate::container::network_name(environment), "berth-env_000000000000000000000000000000ff".to_owned()];
    assert_eq!(stale_networks(&names, &world.wanted, &world.containers), [names[1].clone()]);
    let gone = World::default().wants_stopped(1);
    assert_eq!(stale_networks(&names, &gone.wanted, &gone.containers), names);
    let still = World::default().has("a", 1, 1, exited());
    assert_eq!(stale_networks(&names, &still.wanted, &still.containers), [names[1].clone()]);
    assert!(stale_networks(&["bridge".to_owned()], &gone.wanted, &gone.containers).is_empty());
}

#[test]
fn a_container_that_runs_is_brought_down_to_its_share_once() {
    let allowed = testing::wanted(1, "nginx").spec.expect("a valid spec").resources().cpu_milli.0;
    let confine = Step::Confine { container: "a".to_owned(), cpu_milli: allowed };
    let mut world = World::default().wants(1).has("a", 1, 1, ContainerState::Running);
    world.watched.insert(id(1), "a".to_owned());
    let with = |world: &mut World, cpu_milli| world.containers.get_mut("a").expect("it is there").cpu_milli = cpu_milli;
    with(&mut world, allowed);
    assert_eq!(world.steps(), []);
    for more in [allowed + 1, 0] {
        with(&mut world, more);
        assert_eq!(world.steps(), std::slice::from_ref(&confine), "{more}: 0 is without bound");
    }
    world.confining.insert("a".to_owned(), Attempt::Going);
    assert_eq!(world.steps(), []);
    world.confining.insert("a".to_owned(), Attempt::RetryAt(NOW_MS + 5));
    assert_eq!((world.steps(), world.decide().look_again_ms), (vec![], Some(NOW_MS + 5)));
    world.confining.insert("a".to_owned(), Attempt::RetryAt(NOW_MS));
    assert_eq!(world.steps(), [confine]);
}

#[test]
fn a_sandbox_is_prepared_for_what_is_wanted_once_it_is_quiet() {
    let watched = |mut world: World| {
        world.watched.insert(id(1), "a".to_owned());
        world
    };
    let world = || watched(World::default().wants(1).has("a", 1, 1, ContainerState::Running));
    assert_eq!(world().steps(), [], "unless none are kept");
    assert_eq!(world().keeps(1).steps(), [prepare()]);
    let soon = World { quiet_at_ms: NOW_MS + 7, ..world().keeps(1) };
    assert_eq!(soon.decide(), Decision { look_again_ms: Some(NOW_MS + 7), ..Decision::default() });
    let busy = World { launching: BTreeMap::from([(id(2), going(1))]), ..world().wants(2).keeps(1) };
    assert_eq!(busy.steps(), []);
    let starting = World::default().wants(1).keeps(1);
    assert_eq!(starting.steps(), [launch(1, None)]);
    for (attempt, steps) in
        [(Attempt::Going, vec![]), (Attempt::RetryAt(NOW_MS + 1), vec![]), (Attempt::RetryAt(NOW_MS), vec![prepare()])]
    {
        let world = World { preparing: BTreeMap::from([(key_of(1), attempt)]), ..world().keeps(1) };
        assert_eq!(world.steps(), steps, "{attempt:?}");
    }
    let enough = world().keeps(1).has_sandbox("s", ContainerState::Running);
    assert_eq!((enough.steps(), enough.spare()), (vec![], vec!["s".to_owned()]));
    assert_eq!(world().keeps(2).has_sandbox("s", ContainerState::Running).steps(), [prepare()]);
}

#[test]
fn sandboxes_that_nothing_needs_go() {
    let one = || World::default().keeps(1).has_sandbox("s", ContainerState::Running);
    assert_eq!(one().steps(), [stop_of("s", Some(0))], "nothing is wanted");
    assert_eq!(World { stale: true, ..one() }.steps(), [], "no set has come yet");
    let two = one().has_sandbox("t", ContainerState::Running).wants(1);
    assert_eq!((two.steps().pop(), two.spare()), (Some(stop_of("t", Some(0))), vec!["s".to_owned()]));
    for state in [ContainerState::Created, exited(), ContainerState::Dying] {
        let ended = World::default().keeps(1).wants(1).has_sandbox("s", state.clone());
        assert!(ended.steps().contains(&stop_of("s", Some(0))), "{state:?}");
        assert!(ended.spare().is_empty());
        // It may be the very one that is being made.
        let preparing = World { preparing: BTreeMap::from([(key_of(1), Attempt::Going)]), ..ended };
        assert!(!preparing.steps().contains(&stop_of("s", Some(0))), "{state:?}");
    }
}

#[test]
fn a_sandbox_goes_when_whoever_joined_it_is_gone_and_not_before() {
    let used = World::default().keeps(1).wants(1).has_sandbox("s", ContainerState::Running).has_joined(
        "a",
        1,
        ContainerState::Running,
        "s",
        Link::Up,
    );
    assert_eq!((used.steps(), used.spare()), (vec![watch(1, "a"), prepare()], vec![]));
    let taken = |world: World| World { taken: BTreeSet::from(["s".to_owned()]), ..world };
    let left = || taken(World::default().keeps(1).wants(1).has_sandbox("s", ContainerState::Running));
    assert!(left().steps().contains(&stop_of("s", Some(0))));
    assert!(left().spare().is_empty(), "it is never offered again");
    let looking = World { looking: true, ..left() };
    assert!(!looking.steps().contains(&stop_of("s", Some(0))), "what joined it may just not have been seen");
    let launching = World { launching: BTreeMap::from([(id(2), going(1))]), ..left() };
    assert!(!launching.steps().contains(&stop_of("s", Some(0))), "it may be joined this very moment");
}

#[test]
fn what_was_cut_off_is_made_anew_and_what_ended_with_its_sandbox_is_started_again() {
    let with = |state: ContainerState, link| World::default().wants(1).has_joined("a", 1, state, "s", link).steps();
    let grace = testing::wanted(1, "nginx").stop_grace_s();
    assert_eq!(with(ContainerState::Running, Link::Down), [stop_of("a", grace)]);
    assert_eq!(with(ContainerState::Running, Link::Gone), [stop_of("a", grace)]);
    assert_eq!(with(exited(), Link::Gone), [stop_of("a", grace)]);
    assert_eq!(with(ContainerState::Created, Link::Gone), [stop_of("a", grace)]);
    assert_eq!(with(exited(), Link::Down), [launch(1, Some("a"))]);
    assert_eq!(with(exited(), Link::Up), [launch(1, Some("a"))]);
    assert_eq!(with(ContainerState::Running, Link::Up), [watch(1, "a")]);
}

#[test]
fn of_two_instances_in_one_sandbox_one_is_made_anew() {
    let world = World::default()
        .wants(1)
        .wants(2)
        .has_sandbox("s", ContainerState::Running)
        .has_joined("a", 1, exited(), "s", Link::Up)
        .has_joined("b", 2, ContainerState::Running, "s", Link::Up);
    let grace = testing::wanted(1, "nginx").stop_grace_s();
    assert_eq!(world.steps(), [stop_of("a", grace), watch(2, "b")], "the one that runs stays");
}

#[test]
fn a_spare_gives_way_where_an_app_wants_its_port_of_the_node() {
    let mut world = World::default().keeps(1).wants(1).has_sandbox("s", ContainerState::Running);
    world.containers.get_mut("s").expect("it is there").ports = BTreeMap::from([(80, 40_080)]);
    assert_eq!(world.spare(), ["s"]);
    let spec = r#"{"image":"nginx","ports":[{"container":80,"host":40080}]}"#;
    let wanted = testing::wanted_with(2, spec.to_owned(), "nginx");
    world.wanted.insert(wanted.instance, wanted);
    assert_eq!(world.spare(), [""; 0]);
    assert!(world.steps().contains(&stop_of("s", Some(0))));
}
