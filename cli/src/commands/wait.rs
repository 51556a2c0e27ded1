//! Waits until a change is done, and shows how far it is.

use crate::{
    client::{api::Api, place::Scope},
    exit::{Exit, code_of, ended},
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

/// How long the server may be away while we wait: a change goes on without it, and it may only be restarting.
const ABSENCE_MAX: Duration = Duration::from_secs(60);

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
    let mut absence = Absence::default();
    while let (Some(rollout), false) = (started.rollout, flags.no_wait) {
        let newest = absence.bear(api.get::<Page<RolloutView>>(&rollouts).await, Instant::now(), &progress)?;
        match newest.as_ref().and_then(|page| page.items.iter().find(|view| view.id == rollout)) {
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
    if flags.no_wait {
        return api.get(&app_path).await;
    }
    let mut absence = Absence::default();
    loop {
        match absence.bear(api.get::<AppView>(&app_path).await, Instant::now(), &progress)? {
            Some(view) if matches!(view.state, AppState::Healthy | AppState::Stopped) => {
                progress.end();
                return Ok(view);
            }
            Some(view) => {
                let lacking = view.refusals.first().and_then(|refusal| refusal.nearest.clone()).unwrap_or_default();
                progress.tell(&format!("{} of {} ready {lacking}", view.ready, view.replicas));
            }
            None => {}
        }
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

/// A server that does not answer for a while.
#[derive(Default)]
struct Absence {
    since: Option<Instant>,
}

impl Absence {
    /// The answer, or none when the server is away and has not been away for too long.
    fn bear<T>(&mut self, answer: Result<T>, now: Instant, progress: &Progress) -> Result<Option<T>> {
        match answer {
            Ok(answer) => {
                self.since = None;
                Ok(Some(answer))
            }
            Err(error) if code_of(&error) == Exit::Unreachable => {
                if now - *self.since.get_or_insert(now) > ABSENCE_MAX {
                    progress.end();
                    return Err(error.context("the change was begun and goes on, but how it ends cannot be seen"));
                }
                progress.tell("the server does not answer; asking again");
                Ok(None)
            }
            Err(error) => {
                progress.end();
                Err(error)
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_absence_of_the_server_is_borne_and_a_refusal_is_not() {
        let progress = Progress { bar: None };
        let away = || Err::<(), _>(ended(Exit::Unreachable, "away"));
        let begun = Instant::now();
        let mut absence = Absence::default();
        assert!(absence.bear(away(), begun, &progress).expect("borne").is_none());
        let later = begun + ABSENCE_MAX;
        assert!(absence.bear(Ok(()), later, &progress).expect("back").is_some());
        assert!(absence.bear(away(), later, &progress).expect("borne anew").is_none());
        let too_late = later + ABSENCE_MAX + LOOK_EVERY;
        assert_eq!(code_of(&absence.bear(away(), too_late, &progress).expect_err("too long")), Exit::Unreachable);
        let refused = Absence::default().bear(Err::<(), _>(ended(Exit::NotFound, "gone")), begun, &progress);
        assert_eq!(code_of(&refused.expect_err("told at once")), Exit::NotFound);
    }
}
