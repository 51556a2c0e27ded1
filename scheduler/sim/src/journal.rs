//! What happened, for the reader of a failure. A run keeps none; the run that explains a failure does.

use std::collections::VecDeque;

/// Most lines kept: what led to a failure is rarely further back, and people read it.
const LINES_MAX: usize = 60;

/// The newest lines.
#[derive(Default)]
pub struct Journal {
    is_kept: bool,
    lines: VecDeque<String>,
}

impl Journal {
    /// One that keeps what it is told.
    pub fn kept() -> Self {
        Self { is_kept: true, lines: VecDeque::new() }
    }
    /// Notes what happened; the line is made only when it is kept.
    pub fn note(&mut self, now_s: u64, line: impl FnOnce() -> String) {
        if !self.is_kept {
            return;
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("second {now_s}: {}", line()));
    }
    pub fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
