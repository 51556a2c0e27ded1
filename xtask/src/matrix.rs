//! The matrix of routes, callers and places: `backend/tests/it/matrix.rs`.

use crate::{
    prerequisites,
    process::{cargo, run},
};
use anyhow::Result;

/// Measures every cell; with `write` the policy becomes what was measured, to be reviewed like any other change.
pub fn run_matrix(write: bool) -> Result<()> {
    prerequisites::for_tests()?;
    let mut command = cargo();
    command
        .args(["test", "--quiet", "--package", "berth-server", "--test", "it", "matrix::", "--", "--nocapture"])
        .env("SQLX_OFFLINE", "true");
    if write {
        command.env("BERTH_MATRIX", "write");
    }
    run(&mut command)
}
