//! A rollout drawn as it happens: a lane for each release, a cell for each instance.

use crate::{
    i18n::t,
    pages::apps::words::{in_crash_loop, instance_state},
};
use berth_api_types::v1::{
    apps::InstanceView,
    releases::{RolloutCause, RolloutView},
};
use berth_domain::lifecycle::InstancePhase;
use leptos::prelude::*;

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState {
    /// It is to come.
    Empty,
    /// It was here and is gone, or goes.
    Gone,
    /// It comes; how far, in percent.
    Coming(u8),
    /// It is ready.
    Ready,
    /// It fails.
    Failing,
}

/// One instance of a lane, or its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// How it looks.
    pub state: CellState,
    /// The instance's name; none for a mere place.
    pub instance: Option<String>,
    /// What it says on hover.
    pub words: String,
}

/// The instances of one release, or of one half of a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The release's number.
    pub release: u32,
    /// Whether it is what shall run when all is done.
    pub target: bool,
    /// Beside the number.
    pub word: &'static str,
    /// From the first to the last.
    pub cells: Vec<Cell>,
    /// Ready instances.
    pub ready: u32,
}

/// The two lanes of a rollout: what it brings above what it replaces.
pub fn lanes(rollout: &RolloutView, instances: &[InstanceView]) -> Vec<Lane> {
    let restart = rollout.cause == RolloutCause::Restart || rollout.from_release == Some(rollout.to_release);
    let is_new = |instance: &InstanceView| {
        instance.release == rollout.to_release && (!restart || instance.created_at >= rollout.started_at)
    };
    let (new, old): (Vec<_>, Vec<_>) = instances.iter().partition(|instance| is_new(instance));
    let going_back = !rollout.phase.is_over() && rollout.phase != berth_domain::lifecycle::RolloutPhase::Progressing;
    let mut found = vec![lane(rollout.to_release, !going_back, t::apps::lane_new(), &new, rollout.wanted)];
    let before = if restart { Some(rollout.to_release) } else { rollout.from_release };
    if let Some(before) = before {
        found.push(lane(before, going_back, t::apps::lane_old(), &old, rollout.wanted));
    }
    found
}

fn lane(release: u32, target: bool, word: &'static str, instances: &[&InstanceView], wanted: u32) -> Lane {
    let mut sorted: Vec<&InstanceView> = instances.to_vec();
    sorted.sort_by_key(|instance| (ordinal(&instance.name), instance.created_at));
    let mut cells: Vec<Cell> = sorted.iter().map(|instance| cell(instance)).collect();
    let ready = sorted.iter().filter(|instance| instance.phase.is_ready() && instance.stop_reason.is_none()).count();
    let (state, words) =
        if target { (CellState::Empty, t::apps::lane_empty()) } else { (CellState::Gone, t::apps::lane_gone()) };
    let places = (wanted as usize).saturating_sub(cells.len());
    let place = Cell { state, instance: None, words: words.to_owned() };
    if target {
        cells.extend(std::iter::repeat_n(place, places));
    } else {
        // What went first stood first.
        cells.splice(0..0, std::iter::repeat_n(place, places));
    }
    Lane { release, target, word, cells, ready: ready as u32 }
}

fn cell(instance: &InstanceView) -> Cell {
    let state = match instance.phase {
        _ if instance.stop_reason.is_some() => CellState::Gone,
        InstancePhase::Stopping | InstancePhase::Stopped => CellState::Gone,
        _ if instance.node_lost || in_crash_loop(instance) => CellState::Failing,
        InstancePhase::BackOff | InstancePhase::Unready => CellState::Failing,
        InstancePhase::Ready => CellState::Ready,
        InstancePhase::Waiting => CellState::Coming(5),
        InstancePhase::Pulling => CellState::Coming(instance.pull.map_or(10, |pull| {
            let percent = pull.bytes.saturating_mul(50).checked_div(pull.total_bytes).unwrap_or_default();
            10 + percent.min(50) as u8
        })),
        InstancePhase::Creating => CellState::Coming(65),
        InstancePhase::Starting => CellState::Coming(80),
    };
    let words = format!("{} · {} · {}", instance.name, instance.node, instance_state(instance).1);
    Cell { state, instance: Some(instance.name.clone()), words }
}

/// The number at the end of `web-43-12`.
fn ordinal(name: &str) -> u32 {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

impl CellState {
    const fn class(self) -> &'static str {
        match self {
            Self::Empty => "cell",
            Self::Gone => "cell out",
            Self::Coming(_) => "cell busy",
            Self::Ready => "cell ok",
            Self::Failing => "cell bad",
        }
    }
    const fn percent(self) -> u8 {
        match self {
            Self::Coming(percent) => percent,
            Self::Empty | Self::Gone | Self::Ready | Self::Failing => 0,
        }
    }
}

/// The lanes. A cell of an instance opens it.
#[component]
pub fn RolloutLanes(
    #[prop(into)] lanes: Signal<Vec<Lane>>,
    #[prop(into)] wanted: Signal<u32>,
    #[prop(into)] on_open: Callback<String>,
) -> impl IntoView {
    let count = Memo::new(move |_| lanes.with(Vec::len));
    view! {
        <div class="lanes">
            {move || (0..count.get()).map(|at| view! { <LaneView lanes=lanes at=at wanted=wanted on_open=on_open /> }).collect_view()}
        </div>
    }
}

#[component]
fn LaneView(lanes: Signal<Vec<Lane>>, at: usize, wanted: Signal<u32>, on_open: Callback<String>) -> impl IntoView {
    let lane = Memo::new(move |_| lanes.with(|lanes| lanes.get(at).cloned()));
    let label =
        move || lane.get().map(|lane| t::apps::lane_label(lane.release, lane.ready, wanted.get())).unwrap_or_default();
    let cells = Memo::new(move |_| lane.with(|lane| lane.as_ref().map_or(0, |lane| lane.cells.len())));
    let head = move || {
        lane.get().map(|lane| view! { <b class="mono">{lane.release}</b> " " <span class="faint">{lane.word}</span> })
    };
    view! {
        <div class="lane" role="group" aria-label=label>
            <span class="lane-name">{head}</span>
            <div class="cells">
                {move || {
                    (0..cells.get())
                        .map(|index| {
                            let cell = Memo::new(move |_| {
                                lane.with(|lane| lane.as_ref().and_then(|lane| lane.cells.get(index).cloned()))
                            });
                            view! { <CellView cell=cell on_open=on_open /> }
                        })
                        .collect_view()
                }}
            </div>
            <span class="lane-count">{move || lane.get().map(|lane| format!("{} / {}", lane.ready, wanted.get()))}</span>
        </div>
    }
}

#[component]
fn CellView(cell: Memo<Option<Cell>>, on_open: Callback<String>) -> impl IntoView {
    let state = move || cell.with(|cell| cell.as_ref().map_or(CellState::Empty, |cell| cell.state));
    let words = move || cell.with(|cell| cell.as_ref().map(|cell| cell.words.clone()).unwrap_or_default());
    let place = Memo::new(move |_| cell.with(|cell| cell.as_ref().is_none_or(|cell| cell.instance.is_none())));
    let open = move |_| {
        if let Some(instance) = cell.with_untracked(|cell| cell.as_ref().and_then(|cell| cell.instance.clone())) {
            on_open.run(instance);
        }
    };
    move || {
        if place.get() {
            view! { <span class=move || state().class() title=words></span> }.into_any()
        } else {
            view! {
                <button
                    type="button"
                    class=move || state().class()
                    style:--done=move || format!("{}%", state().percent())
                    title=words
                    aria-label=words
                    on:click=open
                ></button>
            }
            .into_any()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_domain::lifecycle::RolloutPhase;

    fn rollout(from: Option<u32>, to: u32, wanted: u32) -> RolloutView {
        let json = serde_json::json!({
            "id": format!("rollout_{:032}", 1), "cause": "deploy", "from_release": from, "to_release": to,
            "phase": "progressing", "reason": "", "wanted": wanted, "ready": 0, "started_by": null,
            "started_at": "2026-11-01T00:00:00Z", "ended_at": null
        });
        serde_json::from_value(json).expect("a rollout")
    }
    fn instance(release: u32, number: u32, phase: &str) -> InstanceView {
        let json = serde_json::json!({
            "id": format!("inst_{:032}", number), "name": format!("web-{release}-{number}"), "release": release,
            "node": "a", "node_lost": false, "phase": phase, "stop_reason": null, "reason": "", "message": "",
            "restarts": 0, "exit_code": null, "resources": {"cpu_milli": 1, "memory_mib": 1}, "endpoints": [],
            "pull": null, "explanation": {"candidates": [], "feasible": 1, "refused": {}},
            "created_at": "2026-11-01T00:00:01Z", "started_at": null, "observed_at": null
        });
        serde_json::from_value(json).expect("an instance")
    }
    fn states(lane: &Lane) -> Vec<CellState> {
        lane.cells.iter().map(|cell| cell.state).collect()
    }

    #[test]
    fn what_comes_fills_from_the_left_and_what_goes_leaves_from_the_left() {
        let all = [instance(43, 1, "ready"), instance(43, 2, "starting"), instance(42, 3, "ready")];
        let found = lanes(&rollout(Some(42), 43, 3), &all);
        assert_eq!(states(&found[0]), [CellState::Ready, CellState::Coming(80), CellState::Empty]);
        assert_eq!(states(&found[1]), [CellState::Gone, CellState::Gone, CellState::Ready]);
        assert_eq!((found[0].ready, found[1].ready), (1, 1));
    }

    #[test]
    fn a_first_release_has_one_lane() {
        assert_eq!(lanes(&rollout(None, 1, 2), &[]).len(), 1);
    }

    #[test]
    fn going_back_the_old_release_is_what_comes() {
        let mut back = rollout(Some(42), 43, 2);
        back.phase = RolloutPhase::RollingBack;
        let found = lanes(&back, &[instance(43, 1, "back_off"), instance(42, 1, "ready")]);
        assert_eq!(states(&found[0]), [CellState::Gone, CellState::Failing]);
        assert_eq!(states(&found[1]), [CellState::Ready, CellState::Empty]);
    }
}
