//! The plan of one app: what is lost goes, what may stay stays, what is missing is placed, drained nodes are emptied.

use crate::{
    index::Index,
    keep::{Elsewhere, Member, Standing, size, take_drained, take_surplus},
    place::Lack,
    plan::{Start, Stop, StopReason},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use berth_domain::id::{AppId, ReleaseId};

/// What one app needs.
#[derive(Default)]
pub(crate) struct Outcome {
    pub starts: Vec<Start>,
    pub stops: Vec<Stop>,
    /// What found no node.
    pub unplaced: Vec<Lack>,
}

/// The instances of an app that count, by what they count to.
#[derive(Default)]
struct Sorted {
    /// By release, those that are not outdated.
    releases: BTreeMap<ReleaseId, Release>,
    /// Those that a restart replaces.
    outdated: Vec<Member>,
}

/// The instances of one release.
#[derive(Default)]
struct Release {
    staying: Vec<Member>,
    drained: Vec<Member>,
}

/// Plans one app, and takes the room of its new instances in the index.
pub(crate) fn plan_app(index: &mut Index<'_>, app: AppId) -> Outcome {
    let mut outcome = Outcome::default();
    let mut sorted = sort(index, app, &mut outcome.stops);
    let allowed = index.snapshot.outdated_allowed.get(&app).copied().unwrap_or(0);
    outcome.stop(take_surplus(&mut sorted.outdated, allowed), StopReason::Surplus);

    let targets = index.snapshot.targets.get(&app);
    for (release, count) in targets.into_iter().flatten() {
        let members = sorted.releases.remove(release).unwrap_or_default();
        plan_release(index, app, (*release, *count), members, &mut outcome);
    }
    // Releases that have instances and no target.
    for members in sorted.releases.into_values() {
        outcome.stop(members.staying.into_iter().chain(members.drained), StopReason::Surplus);
    }
    outcome
}

/// Drops what was told to stop, stops what is on lost nodes, and sorts the rest.
fn sort(index: &Index<'_>, app: AppId, stops: &mut Vec<Stop>) -> Sorted {
    let mut sorted = Sorted::default();
    for (id, placed) in index.instances_of(app) {
        if placed.stopping {
            continue;
        }
        if index.is_lost(placed.node) {
            stops.push(Stop { instance: *id, reason: StopReason::NodeLost });
            continue;
        }
        let member = Member::new(index, *id, placed);
        if placed.outdated {
            sorted.outdated.push(member);
            continue;
        }
        let release = sorted.releases.entry(placed.release).or_default();
        if member.worth.may_stay { release.staying.push(member) } else { release.drained.push(member) }
    }
    sorted
}

/// Plans one release with its wanted number.
fn plan_release(
    index: &mut Index<'_>,
    app: AppId,
    (release, target): (ReleaseId, u32),
    mut members: Release,
    outcome: &mut Outcome,
) {
    outcome.stop(take_surplus(&mut members.staying, target), StopReason::Surplus);
    let missing = size(target).saturating_sub(members.staying.len());
    let mut lack = Lack { app, release, numbers: free_numbers(index, app, release, missing) };
    let mut starts = lack.place(index);

    let is_ready = |member: &&Member| member.worth.standing == Standing::Ready;
    let elsewhere = Elsewhere {
        target,
        ready: count(members.staying.iter().filter(is_ready).count()),
        placed: count(members.staying.len() + starts.len()),
    };
    let reason = if target == 0 { StopReason::Surplus } else { StopReason::NodeDrained };
    let gone = take_drained(&mut members.drained, &elsewhere);
    outcome.stops.extend(gone.into_iter().map(|instance| Stop { instance, reason }));
    outcome.starts.append(&mut starts);
    outcome.unplaced.push(lack);
}

/// The lowest numbers that no instance of the release holds. Stopping ones hold theirs until they are gone, because
/// the number is part of the container's name.
fn free_numbers(index: &Index<'_>, app: AppId, release: ReleaseId, count: usize) -> Vec<u32> {
    let of_release = index.instances_of(app).iter().filter(|(_, placed)| placed.release == release);
    let held: BTreeSet<u32> = of_release.map(|(_, placed)| placed.number).collect();
    (1..=u32::MAX).filter(|number| !held.contains(number)).take(count).collect()
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Outcome {
    fn stop(&mut self, members: impl IntoIterator<Item = Member>, reason: StopReason) {
        self.stops.extend(members.into_iter().map(|member| Stop { instance: member.id, reason }));
    }
}
