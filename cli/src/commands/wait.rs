//! Waits until a change is done, and shows how far it is.

use crate::{
    client::{api::Api, place::Scope},
    exit::{Exit, ended},
    output,
};
use anyhow::Result;
use berth_api_types::{
    page::Page,
    path,
    v1::{
        apps::{AppView, InstanceView},
        releases::RolloutView,
    },
};
use berth_domain::{
    id::RolloutId,
    lifecycle::{AppState, RolloutPhase},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, time::Duration};
use tokio::time::{Instant, sleep};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Whether and how long to wait.
#[derive(Debug, Clone, clap::Args)]
pub struct WaitFlags {
    /// Return at once
    #[arg(long)]
    no_wait: bool,
    /// Wait at most this long, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    timeout: u64,
}

/// A change that was begun.
pub struct Started {
    /// None when nothing had to be rolled out.
    pub rollout: Option<RolloutId>,
}

/// Waits for a rollout; a rollout that fails is an error.
pub async fn for_rollout(api: &Api, scope: &Scope, app: &str, started: Started, flags: &WaitFlags) -> Result<AppView> {
    let app_path = path::app(&scope.tenant, &scope.project, &scope.environment, app);
    let rollouts = path::rollouts(&scope.tenant, &scope.project, &scope.environment, app);
    let progress = Progress::begin(flags);
    let deadline = Instant::now() + Duration::from_secs(flags.timeout);
    while let (Some(rollout), false) = (started.rollout, flags.no_wait) {
        let newest: Page<RolloutView> = api.get(&rollouts).await?;
        match newest.items.iter().find(|view| view.id == rollout) {
            Some(view) if view.phase.is_over() => {
                progress.end();
                judge(view)?;
                break;
            }
            Some(view) => progress.tell(&describe(api, scope, app, view).await),
            None => {}
        }
        give_up_after(deadline, &progress)?;
        sleep(LOOK_EVERY).await;
    }
    api.get(&app_path).await
}

/// Waits until as many instances are ready as are wanted.
pub async fn until_settled(api: &Api, scope: &Scope, app: &str, flags: &WaitFlags) -> Result<AppView> {
    let app_path = path::app(&scope.tenant, &scope.project, &scope.environment, app);
    let progress = Progress::begin(flags);
    let deadline = Instant::now() + Duration::from_secs(flags.timeout);
    loop {
        let view: AppView = api.get(&app_path).await?;
        if flags.no_wait || matches!(view.state, AppState::Healthy | AppState::Stopped) {
            progress.end();
            return Ok(view);
        }
        let lacking = view.refusals.first().and_then(|refusal| refusal.nearest.clone()).unwrap_or_default();
        progress.tell(&format!("{} of {} ready {lacking}", view.ready, view.replicas));
        give_up_after(deadline, &progress)?;
        sleep(LOOK_EVERY).await;
    }
}

fn judge(rollout: &RolloutView) -> Result<()> {
    let what = format!("release {}", rollout.to_release);
    let because = if rollout.reason.is_empty() { String::new() } else { format!(": {}", rollout.reason) };
    match rollout.phase {
        RolloutPhase::Succeeded => Ok(()),
        RolloutPhase::Superseded => Err(ended(Exit::RolloutFailed, format!("{what} was overtaken by a newer change"))),
        RolloutPhase::RolledBack => Err(ended(Exit::RolloutFailed, format!("{what} was taken back{because}"))),
        RolloutPhase::Failed | RolloutPhase::Progressing | RolloutPhase::RollingBack => {
            Err(ended(Exit::RolloutFailed, format!("{what} failed{because}")))
        }
    }
}

/// How far it is, and what the slowest instance is at.
async fn describe(api: &Api, scope: &Scope, app: &str, rollout: &RolloutView) -> String {
    let path = path::instances(&scope.tenant, &scope.project, &scope.environment, app);
    let instances: Vec<InstanceView> = api.list(&path).await.unwrap_or_default();
    let waiting = instances.iter().find(|i| i.release == rollout.to_release && !i.phase.is_ready());
    let detail = waiting.map_or_else(String::new, |instance| {
        format!("{} on {}: {} {}", instance.name, instance.node, output::word(&instance.phase), instance.message)
    });
    format!("release {}: {} of {} ready  {detail}", rollout.to_release, rollout.ready, rollout.wanted)
}

fn give_up_after(deadline: Instant, progress: &Progress) -> Result<()> {
    if Instant::now() < deadline {
        return Ok(());
    }
    progress.end();
    Err(ended(Exit::TimedOut, "it takes longer than --timeout; it goes on without us"))
}

/// A line that turns on a terminal and is silent elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    fn begin(flags: &WaitFlags) -> Self {
        let shown = !flags.no_wait && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed:>3} {wide_msg}").expect("a valid template");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    fn tell(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.trim().to_owned());
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
