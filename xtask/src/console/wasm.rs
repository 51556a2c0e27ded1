//! Rust to WebAssembly, and the JavaScript that starts it.

use super::{Mode, work_dir};
use crate::{
    place,
    process::{cargo, find, run},
};
use anyhow::{Context, Result};
use std::{fs, path::Path, process::Command};
use wasm_bindgen_cli_support::Bindgen;

/// What rustc's code uses beyond the first version of WebAssembly. Never "all": old optimisers then emit what no browser takes.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Whether results depend on the optimiser being there.
pub fn optimizer() -> &'static str {
    if find("wasm-opt").is_some() { "with wasm-opt" } else { "without wasm-opt" }
}

/// Leaves `berth.js` and `berth_bg.wasm` in the work directory `bindgen`.
pub fn compile(mode: Mode) -> Result<()> {
    let profile = match mode {
        Mode::Small => "console",
        Mode::Quick => "dev",
    };
    // A target directory of its own: this profile is like no other, and cargo would wait for the lock of other builds.
    let target_dir = place::target().join("console");
    run(cargo()
        .args(["build", "--package", "berth-console", "--target", "wasm32-unknown-unknown", "--profile", profile])
        .arg("--target-dir")
        .arg(&target_dir))?;
    let directory = if mode == Mode::Quick { "debug" } else { profile };
    let module = target_dir.join("wasm32-unknown-unknown").join(directory).join("berth-console.wasm");
    let out = work_dir("bindgen");
    fs::remove_dir_all(&out).ok();
    bind(&module, &out).with_context(|| format!("binding {}", module.display()))?;
    if mode == Mode::Small { optimize(&out.join("berth_bg.wasm")) } else { Ok(()) }
}

fn bind(module: &Path, out: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("berth").web(true)?;
    bindgen.typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.generate(out)
}

/// A fifth smaller, when Binaryen is there; without it the console works as well.
fn optimize(module: &Path) -> Result<()> {
    let Some(wasm_opt) = find("wasm-opt") else {
        println!("  wasm-opt (binaryen) is not installed: the console will be larger than it could be");
        return Ok(());
    };
    let optimized = module.with_extension("optimized");
    let result = run(Command::new(wasm_opt).arg("-Oz").args(FEATURES).arg(module).arg("--output").arg(&optimized));
    match result {
        Ok(()) => fs::rename(&optimized, module).context("taking the optimised module"),
        Err(error) => {
            println!("  {error}; going on without: the console will be larger than it could be");
            Ok(())
        }
    }
}
