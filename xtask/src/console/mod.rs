//! Builds the console: Rust to WebAssembly, its JavaScript parts and styles bundled, every name carrying the hash of
//! its content, and a Brotli copy beside each file, so that the server only has to send bytes.

mod assets;
mod page;
mod wasm;

use crate::{fresh, npm, place, prerequisites, process::step};
use anyhow::Result;
use std::{fs, path::PathBuf};

/// How much work goes into the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Smallest download; what users get.
    Small,
    /// Quickest to build; for working on the console.
    Quick,
}

/// Builds the console unless it is up to date.
pub fn build(mode: Mode) -> Result<()> {
    prerequisites::for_console()?;
    let inputs = ["frontend", "crates/api-types", "crates/domain", "scheduler/core", "xtask/src/console", "Cargo.lock"];
    let inputs: Vec<PathBuf> = inputs.iter().map(|path| place::root().join(path)).collect();
    let hash = fresh::hash(&inputs, &[&format!("{mode:?}")])?;
    let built = fresh::unless_done(&place::console().with_extension("stamp"), &hash, || {
        step("its packages", || npm::install(&npm::console()))?;
        fresh::make_new(&inputs)?;
        step("the console, as WebAssembly", || wasm::compile(mode))?;
        step("its scripts and styles", || assets::bundle(mode))?;
        step("its page", || page::assemble(mode))
    })?;
    if built {
        report()
    } else {
        println!("▸ the console is up to date")
    }
    Ok(())
}

/// Where intermediate files go.
fn work_dir(name: &str) -> PathBuf {
    place::target().join("console").join(name)
}

/// What a browser loads first.
fn report() {
    let mut sizes: Vec<(String, u64)> = Vec::new();
    for entry in fs::read_dir(place::console().join("assets")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let (Some(name), Ok(meta)) = (name.strip_suffix(".br"), entry.metadata()) {
            sizes.push((name.to_owned(), meta.len()));
        }
    }
    sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for (name, bytes) in sizes.into_iter().filter(|(_, bytes)| *bytes > 1_000) {
        println!("  {:>7} kB  {name} (Brotli)", bytes.div_ceil(1_000));
    }
}
