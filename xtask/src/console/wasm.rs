//! Rust to WebAssembly, and the JavaScript that starts it.

use super::{Mode, work_dir};
use crate::{
    npm, place,
    process::{cargo, run},
};
use anyhow::{Context, Result, anyhow};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wasm_bindgen_cli_support::Bindgen;

/// What rustc's code uses beyond the first version of WebAssembly. Never "all": the optimiser would then use what not
/// every browser takes.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Every component's view gets the same type: nested ones would be compiled anew for each place that they stand in,
/// which costs minutes and megabytes.
/// And the linker leaves its relocations in the module: what splits it follows them.
const RUSTFLAGS: &str = "--cfg erase_components -C link-args=--emit-relocs";

/// The script that loads parts, beside `berth.js`; [`super::assets`] gives the parts their final names in it.
pub const PART_LOADER: &str = "parts.js";

/// Leaves `berth.js`, `berth_bg.wasm`, the parts and the script that loads them in the work directory `bindgen`.
pub fn compile(mode: Mode) -> Result<()> {
    let profile = match mode {
        Mode::Small => "console",
        Mode::Quick => "dev",
    };
    // A target directory of its own: this profile is like no other, and cargo would wait for the lock of other builds.
    let target_dir = place::target().join("console");
    run(cargo()
        .env("RUSTFLAGS", RUSTFLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .args(["build", "--package", "berth-console", "--target", "wasm32-unknown-unknown", "--profile", profile])
        .arg("--target-dir")
        .arg(&target_dir))?;
    let directory = if mode == Mode::Quick { "debug" } else { profile };
    let module = target_dir.join("wasm32-unknown-unknown").join(directory).join("berth-console.wasm");
    let out = work_dir("bindgen");
    fs::remove_dir_all(&out).ok();
    fs::create_dir_all(&out)?;
    let (first, mut modules) = split(&module, &out).with_context(|| format!("splitting {}", module.display()))?;
    bind(&first, &out).with_context(|| format!("binding {}", first.display()))?;
    fs::remove_file(&first)?;
    modules.push(out.join("berth_bg.wasm"));
    match mode {
        Mode::Small => modules.iter().try_for_each(|module| optimize(module)),
        Mode::Quick => Ok(()),
    }
}

/// Takes the module apart: what is loaded first, and what is loaded when a page of a part is opened.
fn split(module: &Path, out: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let bytes = fs::read(module)?;
    let (first, loader) = (out.join("first.wasm"), format!("./{PART_LOADER}"));
    let mut options = wasm_split_cli_support::Options::new(&bytes);
    options.output_dir = out;
    options.main_out_path = &first;
    options.link_name = &loader;
    options.main_module = "./berth.js";
    let split = wasm_split_cli_support::transform(options).map_err(|error| anyhow!("{error:#}"))?;
    Ok((first, split.split_modules))
}

fn bind(module: &Path, out: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("berth").web(true)?;
    // Parts import from the first module what the linker exported for them.
    bindgen.keep_lld_exports(true).demangle(false);
    bindgen.typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.generate(out)
}

/// A third smaller. The optimiser is npm's, of the version in the lock file: the one that Debian 12 has mistakes the
/// table of references that wasm-bindgen exports for the table of functions, and the console then does not start.
fn optimize(module: &Path) -> Result<()> {
    let optimized = module.with_extension("optimized");
    let wasm_opt = npm::console().join("node_modules/.bin/wasm-opt");
    run(Command::new(wasm_opt).args(["-Oz", "--quiet"]).args(FEATURES).arg(module).arg("--output").arg(&optimized))?;
    fs::rename(&optimized, module).context("taking the optimised module")
}
