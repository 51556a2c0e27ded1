//! Shows what goes on: one line per step, which turns on a terminal until the step is done.

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, Write as _},
    time::{Duration, Instant},
};

/// Steps shorter than this are shown without their time.
const WORTH_TELLING: Duration = Duration::from_millis(100);

/// A step that goes on.
pub struct Step {
    name: String,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Step {
    /// Begins one.
    pub fn begin(name: &str) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {spinner} {msg}").expect("a valid template");
            let bar = ProgressBar::new_spinner().with_style(style).with_message(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(80));
            bar
        });
        Self { name: name.to_owned(), begun: Instant::now(), bar }
    }

    /// Ends it well, saying what came of it.
    pub fn done(self, result: &str) {
        let took = self.begun.elapsed();
        let took = if took < WORTH_TELLING { String::new() } else { format!("  {:.1} s", took.as_secs_f32()) };
        self.end(&format!("  ✓ {:<16} {result}{took}", self.name));
    }

    /// Ends it although what was waited for is still to come.
    pub fn go_on_without(self, result: &str) {
        self.end(&format!("  ! {:<16} {result}", self.name));
    }

    fn end(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(line);
    }
}

/// Prints a line. When the terminal is gone nobody reads it, and what is done goes on: a platform must be able to stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints what is wrong while the platform goes on; otherwise like [`say`].
pub fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "  ! {what}");
}

impl Drop for Step {
    fn drop(&mut self) {
        // Also when a step fails: its error is printed below, not over the turning line.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
