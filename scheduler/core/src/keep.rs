//! Which instances may stay: the order in which surplus ones go, and what a drained node may let go of.

use crate::{index::Index, snapshot::Placed};
use alloc::vec::Vec;
use berth_domain::{
    id::InstanceId,
    lifecycle::InstancePhase,
    node::{NodeAvailability, NodeState},
};
use core::cmp::Reverse;

/// How much an instance is worth keeping; the smallest stops first.
///
/// What does not serve goes before what serves, because stopping it costs nobody a request. Among equals the newest
/// goes first: old ones have proved themselves, and scaling up and down again ends where it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Worth {
    /// How far it has come.
    pub standing: Standing,
    /// Whether its node may keep it, as one that is drained may not.
    pub may_stay: bool,
    /// The highest number is the newest.
    pub number: Reverse<u32>,
    /// Breaks ties: the higher id is the newer.
    pub id: Reverse<InstanceId>,
}

/// How far an instance has come, the least useful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It failed, or is on its way out.
    Failing,
    /// It has no process yet.
    Coming,
    /// Its process runs and was never ready.
    Starting,
    /// It was ready and may be so again.
    Unready,
    /// It was ready when its node was last heard; the node is not well now.
    ReadyUnheard,
    /// It serves.
    Ready,
}

/// An instance that was not told to stop and whose node is not lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Which.
    pub id: InstanceId,
    /// What decides whether it stays.
    pub worth: Worth,
}

impl Member {
    pub(crate) fn new(index: &Index<'_>, id: InstanceId, placed: &Placed) -> Self {
        let node = index.nodes.get(&placed.node).map(|on| on.node);
        let heard = node.is_some_and(|node| node.state == NodeState::Ready);
        let may_stay = node.is_some_and(|node| node.availability != NodeAvailability::Drained);
        let standing = Standing::of(placed.phase, heard);
        Self { id, worth: Worth { standing, may_stay, number: Reverse(placed.number), id: Reverse(id) } }
    }
    fn runs(&self) -> bool {
        self.worth.standing >= Standing::Starting
    }
}

impl Standing {
    fn of(phase: InstancePhase, heard: bool) -> Self {
        match phase {
            InstancePhase::BackOff | InstancePhase::Stopping | InstancePhase::Stopped => Self::Failing,
            InstancePhase::Waiting | InstancePhase::Pulling | InstancePhase::Creating => Self::Coming,
            InstancePhase::Starting => Self::Starting,
            InstancePhase::Unready => Self::Unready,
            InstancePhase::Ready if heard => Self::Ready,
            InstancePhase::Ready => Self::ReadyUnheard,
        }
    }
}

/// Takes all but the `count` most worthy out of `members`, the first to stop first.
pub(crate) fn take_surplus(members: &mut Vec<Member>, count: u32) -> Vec<Member> {
    members.sort_by_key(|member| member.worth);
    let surplus = members.len().saturating_sub(size(count));
    members.drain(..surplus).collect()
}

/// What is known about a release off the drained nodes when its instances on them are looked at.
pub(crate) struct Elsewhere {
    /// Wanted instances.
    pub target: u32,
    /// Those that are ready on nodes that are well.
    pub ready: u32,
    /// Those that have a place, the new ones of this plan included.
    pub placed: u32,
}

/// Which of the instances on drained nodes may go now.
///
/// One that runs goes when enough are ready elsewhere, so that a drain never takes away what serves. One that does not
/// run goes as soon as its replacement has a place: nothing is lost with it, and an app that never becomes ready must
/// not hold a node for ever.
pub(crate) fn take_drained(members: &mut [Member], elsewhere: &Elsewhere) -> Vec<InstanceId> {
    members.sort_by_key(|member| Reverse(member.worth));
    let mut running = elsewhere.target.saturating_sub(elsewhere.ready);
    let mut idle = elsewhere.target.saturating_sub(elsewhere.placed);
    let mut gone = Vec::new();
    // The most worthy first: all that run come before all that do not.
    for member in members {
        let stays = if member.runs() { running > 0 } else { idle > 0 };
        if !stays {
            gone.push(member.id);
            continue;
        }
        running = running.saturating_sub(1);
        idle = idle.saturating_sub(1);
    }
    gone
}

/// A count as a length; on a machine where it does not fit, no list is that long.
pub(crate) fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
