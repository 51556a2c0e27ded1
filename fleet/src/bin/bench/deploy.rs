//! From the request to an instance that is healthy and answers, the image being there.
//!
//! Ours: `POST …/apps` → durable in Postgres → placed → sent to the agent → created, started, probed → reported → read
//! back from the API as ready, as soon as the live stream says that something changed → its published port answers 200.
//! With a network that was prepared while nothing started, and with one of the instance's own, which is what it gets when
//! it wants a certain port of the node.
//! Plain Docker: create, start, the port answers 200; on the engine's default bridge, and on a bridge of its own with
//! names, which is what an environment's network is and what the engine takes longer for. Swarm: create a service, the
//! port answers 200. All on one engine, in turn.

use crate::{
    peers::{Engine, Network, PATIENCE, until_answers},
    report::{Report, Samples, Stages},
};
use anyhow::{Context, Result, bail};
use berth_fleet_tests::{apps::Apps, client::Changes, containers, parts::Parts, run::block_on, stack::Stack};
use berth_local_postgres::Durability;
use berth_testkit::{fleet::Fleet, sample};
use std::time::{Duration, Instant, SystemTime};

/// A page that was told nothing looks again after this long.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// Removing is not measured, and must be over before the next is.
const GONE_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How often each is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Also so many at once
    #[arg(long, default_value_t = 20)]
    many: usize,
    /// Leave Swarm out
    #[arg(long)]
    without_swarm: bool,
}

/// A port of the node that nothing else has.
const PORT_OF_NODE: u16 = 28_080;

/// What is compared.
#[derive(Debug, Default)]
struct Measured {
    ours: Samples,
    ours_unprepared: Samples,
    plain: Samples,
    isolated: Samples,
    swarm: Samples,
    our_stages: Stages,
    plain_stages: Stages,
}

pub fn run(options: &Options) -> Result<Report> {
    // Live-restore and Swarm exclude each other in Docker; nothing is killed here.
    Parts::find();
    let fleet = Fleet::start_with(1, &["--live-restore=false"]);
    let api = fleet.host(0).docker();
    api.load_image(&Parts::find().sample)?;
    let image = api.get(&format!("/images/{}:{}/json", sample::NAME, sample::VERSION))?;
    // By its id: by its name, Swarm would ask a registry for it each time.
    let image = image["Id"].as_str().context("an image without an id")?.to_owned();
    let engine = Engine { api, address: fleet.host(0).address(), image };
    engine.make_network()?;
    let stack = block_on(Stack::start_on(fleet, Durability::Durable));
    // Something runs already in the environment, as it does for all deploys but the very first: its network is there,
    // as Docker's own is.
    let apps = stack.apps();
    block_on(apps.run("runs-already", 1, apps.hello("1"), GONE_MAX));
    let mut report = Report::begin("deploy");
    let version = engine.version()?;
    let swarm = if options.without_swarm { Err(anyhow::anyhow!("left out")) } else { engine.init_swarm() };
    if let Err(error) = &swarm {
        report.line(format!("Swarm is not measured: {error}"));
    }
    report.line(format!("peers: {version}, plain and as a Swarm of one; {} rounds in turn", options.rounds));
    report.fact("engine", version);
    report.fact("rounds", options.rounds);
    for (name, title, count) in [
        ("one", "One instance, from the request until it answers", 1),
        ("many", "As many instances at once as asked for", options.many),
    ] {
        if count == 0 {
            continue;
        }
        let measured = measure(&stack, &engine, options.rounds, count, swarm.is_ok())?;
        let title = if count == 1 { title.to_owned() } else { format!("{count} instances at once") };
        let mut all = vec![("Berth, from POST to ready and answering", &measured.ours)];
        if count == 1 {
            all.push(("the same with no prepared network", &measured.ours_unprepared));
        }
        all.push(("plain Docker, create + start + first 200", &measured.plain));
        all.push(("the same on a network of its own", &measured.isolated));
        if swarm.is_ok() {
            all.push(("Docker Swarm, service create + first 200", &measured.swarm));
        }
        report.compare(name, &title, &all);
        if count == 1 {
            report.stages("our_stages", "Where our time goes", &measured.our_stages);
            report.stages("plain_stages", "Where plain Docker's time goes", &measured.plain_stages);
        }
    }
    Ok(report)
}

fn measure(stack: &Stack, engine: &Engine, rounds: usize, count: usize, swarm: bool) -> Result<Measured> {
    let mut measured = Measured::default();
    // The first round warms caches on all sides and is not counted.
    for round in 0..=rounds {
        let mut times = [None; 5];
        // Each goes first as often as the others.
        for turn in 0..times.len() {
            let who = (round + turn) % times.len();
            times[who] = match who {
                0 => {
                    engine.until_prepared()?;
                    let stages = (round > 0).then_some(&mut measured.our_stages);
                    let took = block_on(deploy(stack, engine, &format!("bench-{count}-{round}"), count, None, stages))?;
                    // The next sandbox is made while nobody is measured.
                    engine.until_prepared()?;
                    Some(took)
                }
                1 => {
                    let begun = SystemTime::now();
                    let took = engine.run_plain(count, Network::Shared)?;
                    if round > 0 {
                        let (asked, runs) = engine.newest("berth.bench=plain")?;
                        measured.plain_stages.note("until the engine is asked", begun, asked);
                        measured.plain_stages.note("the engine makes and starts the container", asked, runs);
                        measured.plain_stages.note("until it answers", runs, begun + took);
                    }
                    engine.remove_plain()?;
                    Some(took)
                }
                2 => {
                    let took = engine.run_plain(count, Network::Own)?;
                    engine.remove_plain()?;
                    Some(took)
                }
                // Only one can have the port.
                3 if count == 1 => {
                    let name = format!("bench-port-{round}");
                    Some(block_on(deploy(stack, engine, &name, count, Some(PORT_OF_NODE), None))?)
                }
                4 if swarm => {
                    let name = format!("bench-{count}-{round}");
                    let took = engine.run_service(&name, count)?;
                    engine.remove_service(&name)?;
                    Some(took)
                }
                _ => None,
            };
        }
        if round > 0 {
            let Measured { ours, plain, isolated, ours_unprepared, swarm, .. } = &mut measured;
            let all = [ours, plain, isolated, ours_unprepared, swarm];
            for (samples, took) in all.into_iter().zip(times) {
                samples.0.extend(took.map(|took| took.as_secs_f64() * 1000.0));
            }
        }
    }
    Ok(measured)
}

/// One of ours: created, waited for, removed. Returns how long it took until every instance was ready and answered.
async fn deploy(
    stack: &Stack,
    engine: &Engine,
    name: &str,
    count: usize,
    port_of_node: Option<u16>,
    stages: Option<&mut Stages>,
) -> Result<Duration> {
    let apps = stack.apps();
    let mut spec = apps.hello_unhurried("bench");
    spec.stop_grace_s = 1;
    spec.ports.iter_mut().for_each(|port| port.host = port_of_node);
    // As an open page has it: told when to look again, instead of asking all the time.
    let mut changes = apps.changes().await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let (begun, begun_at) = (Instant::now(), SystemTime::now());
    let replicas = u32::try_from(count)?;
    let app = apps.create(name, replicas, spec).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let accepted_at = SystemTime::now();
    let took = until_ready(&apps, &mut changes, name, count, begun).await?;
    if let Some(stages) = stages {
        let (asked, runs) = engine.newest(&format!("berth.app={}", app.id))?;
        stages.note("until the request is answered", begun_at, accepted_at);
        stages.note("until the engine is asked: placed, sent, decided", accepted_at, asked);
        stages.note("the engine makes and starts the container", asked, runs);
        stages.note("until it is ready by the API and answers", runs, begun_at + took);
    }
    apps.delete(name).await;
    containers::until_exactly(&stack.fleet, app.id, 0, GONE_MAX).await;
    Ok(took)
}

async fn until_ready(apps: &Apps, changes: &mut Changes, name: &str, count: usize, begun: Instant) -> Result<Duration> {
    loop {
        let endpoints = apps.endpoints(name).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        if endpoints.len() == count {
            // Ready is what the platform says; that it answers is what counts.
            endpoints.into_iter().try_for_each(until_answers)?;
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > PATIENCE {
            bail!("{name} does not come up: {:?}", apps.instances(name).await);
        }
        // A page also looks when it was told nothing for a while.
        let told = tokio::time::timeout(LOOK_ANYWAY, changes.next()).await;
        told.unwrap_or(Ok(())).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    }
}
