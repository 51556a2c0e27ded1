//! Exit codes that scripts can rely on. `berth help` lists them.

use std::process::ExitCode;

/// How a command ended. 0 is success; clap itself ends with 2 when the arguments are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Anything that has no code of its own.
    Failed = 1,
    /// Not signed in, or a right is missing.
    Denied = 3,
    /// The thing is not there.
    NotFound = 4,
    /// What was asked for is not possible: a field, a quota, a name, a state.
    Refused = 5,
    /// The rollout did not succeed; the app is as it was before, or as its state says.
    RolloutFailed = 6,
    /// It takes longer than one was willing to wait; it goes on.
    TimedOut = 7,
    /// The server does not answer.
    Unreachable = 8,
}

/// Shown below the help.
pub const HELP: &str = "Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 not signed in or not allowed, 4 not found, \
5 refused (a field, a quota, a name), 6 the rollout failed, 7 gave up waiting, 8 the server does not answer";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with the code that the process ends with.
#[derive(Debug)]
pub struct Ended {
    pub exit: Exit,
    pub message: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Ended {}

/// An error with its code.
pub fn ended(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    Ended { exit, message: message.into() }.into()
}

/// The code of an error, wherever in its chain it was decided.
pub fn code_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(|cause| cause.downcast_ref::<Ended>()).map_or(Exit::Failed, |ended| ended.exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_code_survives_its_context() {
        let error = Err::<(), _>(ended(Exit::NotFound, "no such app")).context("reading").expect_err("an error");
        assert_eq!(code_of(&error), Exit::NotFound);
        assert_eq!(code_of(&anyhow::anyhow!("else")), Exit::Failed);
    }
}
