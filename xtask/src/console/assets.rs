//! Scripts, styles and fonts, bundled by esbuild, each name with the hash of its content.

use super::{Mode, wasm::PART_LOADER, work_dir};
use crate::{fresh, npm, process::run};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Where assets lie below the console's root; the server lets browsers keep them for ever.
pub const DIRECTORY: &str = "assets";
/// Browsers that the console is made for.
const TARGET: &str = "--target=es2022,chrome120,firefox121,safari17.2";

/// Fills the work directory `assets`. Afterwards it holds the module, the script that starts it, and the parts that
/// are loaded when they are opened.
pub fn bundle(mode: Mode) -> Result<()> {
    let out = work_dir(DIRECTORY);
    fs::remove_dir_all(&out).ok();
    fs::create_dir_all(&out)?;
    let module = copy_hashed(&work_dir("bindgen").join("berth_bg.wasm"), &out, "berth")?;
    name_parts(&work_dir("bindgen"), &out)?;
    let starter = work_dir("bindgen").join("start.js");
    fs::write(
        &starter,
        format!("import init from \"./berth.js\";\nawait init({{ module_or_path: \"/{DIRECTORY}/{module}\" }});\n"),
    )?;
    // wasm-bindgen names the script that loads parts once for each of them.
    esbuild(&starter, "berth", mode, &["--format=esm", "--log-override:duplicate-object-key=silent"])?;
    run(Command::new("node").arg(npm::console().join("build.mjs")).arg(work_dir("parts")).current_dir(npm::console()))?;
    for name in parts()?.values() {
        fs::copy(work_dir("parts").join(name), out.join(name)).with_context(|| format!("copying {name}"))?;
    }
    Ok(())
}

/// Copies the module's parts under hashed names, and lets the script that loads them know these.
fn name_parts(bindgen: &Path, out: &Path) -> Result<()> {
    let loader = bindgen.join(PART_LOADER);
    let mut script = fs::read_to_string(&loader).with_context(|| format!("reading {}", loader.display()))?;
    for entry in fs::read_dir(bindgen)? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(stem) = name.strip_suffix(".wasm").filter(|stem| *stem != "berth_bg") {
            let old = format!("\"./{name}\"");
            ensure!(script.contains(&old), "nothing loads the part {name}");
            script = script.replace(&old, &format!("\"./{}\"", copy_hashed(&file, out, &format!("part-{stem}"))?));
        }
    }
    fs::write(&loader, script).context("naming the parts")
}

/// The names of the scripts that are loaded when they are opened.
pub fn parts() -> Result<BTreeMap<String, String>> {
    let path = work_dir("parts").join("parts.json");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Bundles a script or style sheet and returns the new file's name.
pub fn esbuild(entry: &Path, name: &str, mode: Mode, more: &[&str]) -> Result<String> {
    let own_out = work_dir("esbuild").join(name);
    fs::remove_dir_all(&own_out).ok();
    let mut command = Command::new(npm::console().join("node_modules/.bin/esbuild"));
    command.arg(entry).arg(format!("--outdir={}", own_out.display())).args(more);
    command.args(["--bundle", TARGET, "--log-level=warning", "--legal-comments=none"]);
    command.args([&format!("--entry-names={name}-[hash]"), "--asset-names=[name]-[hash]"]);
    for font in ["woff2", "svg", "png", "ico"] {
        command.arg(format!("--loader:.{font}=file"));
    }
    if mode == Mode::Small {
        command.arg("--minify");
    }
    run(&mut command)?;
    let mut bundled = None;
    for file in fs::read_dir(&own_out)?.flatten() {
        let file_name = file.file_name().to_string_lossy().into_owned();
        fs::copy(file.path(), work_dir(DIRECTORY).join(&file_name))?;
        let kind = Path::new(&file_name).extension().and_then(|extension| extension.to_str());
        if matches!(kind, Some("js" | "css")) && file_name.starts_with(&format!("{name}-")) {
            bundled = Some(file_name);
        }
    }
    bundled.with_context(|| format!("esbuild made nothing of {}", entry.display()))
}

/// Copies a file under a name with the hash of its content, which it returns.
pub fn copy_hashed(file: &Path, out: &Path, name: &str) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let hash = fresh::hex(&Sha256::digest(&bytes)[..6]);
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("bin");
    let hashed = format!("{name}-{hash}.{extension}");
    fs::write(out.join(&hashed), bytes)?;
    Ok(hashed)
}
