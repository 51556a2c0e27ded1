//! Finds nodes for the missing instances of one release.

use crate::{
    feasible,
    index::Index,
    plan::{CANDIDATES_MAX, Candidate, Explanation, Refusal, Score, Start},
    score::score,
    snapshot::Demand,
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use berth_domain::id::{AppId, NodeId, ReleaseId};

/// Instances of one release that are missing, by their numbers.
pub(crate) struct Lack {
    /// The app.
    pub app: AppId,
    /// The release.
    pub release: ReleaseId,
    /// Their numbers, lowest first.
    pub numbers: Vec<u32>,
}

impl Lack {
    /// Places as many as find a node, lowest number first, and keeps the others in `self`.
    pub(crate) fn place(&mut self, index: &mut Index<'_>) -> Vec<Start> {
        let Some(demand) = index.snapshot.releases.get(&self.release) else { return Vec::new() };
        let mut field = Field::new(index, demand);
        let mut starts = Vec::new();
        for number in &self.numbers {
            let Some(explanation) = field.take(index, demand) else { break };
            let node = explanation.candidates[0].node;
            starts.push(Start { app: self.app, release: self.release, number: *number, node, explanation });
        }
        self.numbers.drain(..starts.len());
        starts
    }
    /// Why the ones that are left found no node. Without nodes when the snapshot does not know the release.
    pub(crate) fn refusals(self, index: &Index<'_>) -> impl Iterator<Item = Refusal> + use<> {
        let mut nodes = BTreeMap::new();
        if let Some(demand) = index.snapshot.releases.get(&self.release).filter(|_| !self.numbers.is_empty()) {
            let failed = index.nodes.iter().map(|(id, on)| (*id, feasible::check(on, demand).err()));
            nodes = failed.filter_map(|(id, constraint)| Some((id, constraint?))).collect();
        }
        let Self { app, release, numbers } = self;
        numbers.into_iter().map(move |number| Refusal { app, release, number, nodes: nodes.clone() })
    }
}

/// The nodes as one release sees them. An instance that is placed changes one node only, so each further one costs a
/// look-up and not another walk over all nodes.
struct Field {
    feasible: BTreeSet<Score>,
    refused: BTreeMap<&'static str, u32>,
}

impl Field {
    fn new(index: &Index<'_>, demand: &Demand) -> Self {
        let mut field = Self { feasible: BTreeSet::new(), refused: BTreeMap::new() };
        for id in index.nodes.keys() {
            field.look_at(*id, index, demand);
        }
        field
    }
    fn look_at(&mut self, id: NodeId, index: &Index<'_>, demand: &Demand) {
        let on = &index.nodes[&id];
        match feasible::check(on, demand) {
            Ok(()) => {
                self.feasible.insert(score(id, on, demand));
            }
            Err(constraint) => *self.refused.entry(constraint.kind()).or_default() += 1,
        }
    }
    /// Takes room for one instance on the best node.
    fn take(&mut self, index: &mut Index<'_>, demand: &Demand) -> Option<Explanation> {
        let best = *self.feasible.first()?;
        let explanation = self.explain();
        self.feasible.pop_first();
        let on = index.nodes.get_mut(&best.node).expect("a score is of a node of the index");
        on.hold(demand);
        on.count(demand.app);
        self.look_at(best.node, index, demand);
        Some(explanation)
    }
    fn explain(&self) -> Explanation {
        let candidate = |score: &Score| Candidate { node: score.node, score: *score };
        let refused = |(kind, count): (&&'static str, &u32)| -> (String, u32) { ((*kind).to_owned(), *count) };
        Explanation {
            candidates: self.feasible.iter().take(CANDIDATES_MAX).map(candidate).collect(),
            feasible: u32::try_from(self.feasible.len()).unwrap_or(u32::MAX),
            refused: self.refused.iter().map(refused).collect(),
        }
    }
}
