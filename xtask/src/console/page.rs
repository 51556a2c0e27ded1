//! The one page: `frontend/index.html` with the names that things have after bundling, and a Brotli copy of everything.
//!
//! Every relative `href="…"` and `src="…"` in it is bundled (styles, scripts) or copied under a hashed name. The script
//! that starts the module and the addresses of the parts (`<meta name="berth-part-NAME">`) are put before `</head>`.

use super::{
    Mode,
    assets::{self, DIRECTORY},
    work_dir,
};
use crate::place;
use anyhow::{Context, Result, ensure};
use brotli::enc::BrotliEncoderParams;
use regex::{Captures, Regex};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
};
use walkdir::WalkDir;

/// What becomes smaller by compression.
const COMPRESSIBLE: [&str; 8] = ["html", "js", "css", "wasm", "svg", "json", "txt", "webmanifest"];
/// The window of the compressor, as a power of two: the largest that every browser takes.
const WINDOW_BITS: i32 = 24;

/// Puts the console together and swaps it in.
pub fn assemble(mode: Mode) -> Result<()> {
    let frontend = place::root().join("frontend");
    let html = fs::read_to_string(frontend.join("index.html")).context("reading frontend/index.html")?;
    let renamed = bundle_references(&html, &frontend, mode)?;
    let html = rewrite(&html, &renamed, &head(&assets::parts()?)?)?;

    let unfinished = place::console().with_extension("unfinished");
    fs::remove_dir_all(&unfinished).ok();
    copy_tree(&work_dir(DIRECTORY), &unfinished.join(DIRECTORY))?;
    if frontend.join("public").is_dir() {
        copy_tree(&frontend.join("public"), &unfinished)?;
    }
    fs::write(unfinished.join("index.html"), html)?;
    compress(&unfinished, mode)?;
    fs::remove_dir_all(place::console()).ok();
    fs::rename(&unfinished, place::console()).context("swapping in the console")
}

fn reference() -> Regex {
    Regex::new(r##"(href|src)="([^"#/:{][^":]*)""##).expect("a valid pattern")
}

/// Old names to new names.
fn bundle_references(html: &str, frontend: &Path, mode: Mode) -> Result<BTreeMap<String, String>> {
    let mut renamed = BTreeMap::new();
    for found in reference().captures_iter(html) {
        let (old, file) = (found[2].to_owned(), frontend.join(&found[2]));
        let stem = file.file_stem().and_then(|stem| stem.to_str()).context("a reference without a name")?;
        let new = match file.extension().and_then(|extension| extension.to_str()) {
            Some("css") => assets::esbuild(&file, stem, mode, &[])?,
            Some("js" | "ts") => assets::esbuild(&file, stem, mode, &["--format=iife"])?,
            _ => assets::copy_hashed(&file, &work_dir(DIRECTORY), stem)?,
        };
        renamed.insert(old, format!("/{DIRECTORY}/{new}"));
    }
    Ok(renamed)
}

/// What the page must know of files whose names carry a hash.
fn head(parts: &BTreeMap<String, String>) -> Result<String> {
    let names: Vec<String> = fs::read_dir(work_dir(DIRECTORY))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("berth-"))
        .collect();
    let of_kind = |kind: &str| names.iter().find(|name| name.ends_with(kind)).context("the module was not bundled");
    let (module, script) = (of_kind(".wasm")?, of_kind(".js")?);
    let mut head = format!(
        "<link rel=\"preload\" href=\"/{DIRECTORY}/{module}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n\
         <script type=\"module\" src=\"/{DIRECTORY}/{script}\"></script>\n"
    );
    for (part, file) in parts {
        head.push_str(&format!("<meta name=\"berth-part-{part}\" content=\"/{DIRECTORY}/{file}\">\n"));
    }
    Ok(head)
}

fn rewrite(html: &str, renamed: &BTreeMap<String, String>, head: &str) -> Result<String> {
    ensure!(html.contains("</head>"), "frontend/index.html has no </head>");
    let html = reference().replace_all(html, |found: &Captures<'_>| match renamed.get(&found[2]) {
        Some(new) => format!("{}=\"{new}\"", &found[1]),
        None => found[0].to_owned(),
    });
    Ok(html.replacen("</head>", &format!("{head}</head>"), 1))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn compress(directory: &Path, mode: Mode) -> Result<()> {
    let quality = if mode == Mode::Small { 11 } else { 4 };
    let files: Vec<PathBuf> = WalkDir::new(directory)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.into_path())
        .filter(|path| path.extension().is_some_and(|kind| COMPRESSIBLE.iter().any(|known| kind == *known)))
        .collect();
    thread::scope(|scope| {
        let running: Vec<_> = files.iter().map(|file| scope.spawn(move || compress_file(file, quality))).collect();
        running.into_iter().try_for_each(|thread| thread.join().expect("compression does not panic"))
    })
}

fn compress_file(file: &Path, quality: i32) -> Result<()> {
    let bytes = fs::read(file)?;
    let parameters =
        BrotliEncoderParams { quality, lgwin: WINDOW_BITS, size_hint: bytes.len(), ..BrotliEncoderParams::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut bytes.as_slice(), &mut out, &parameters)?;
    let mut name = file.as_os_str().to_owned();
    name.push(".br");
    fs::write(name, out).with_context(|| format!("compressing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_references_are_renamed() {
        let html = r##"<head><link href="src/a.css"><a href="/x"><a href="https://x"><a href="#y"></head>"##;
        let found: Vec<String> = reference().captures_iter(html).map(|found| found[2].to_owned()).collect();
        assert_eq!(found, ["src/a.css"]);
        let renamed = BTreeMap::from([("src/a.css".to_owned(), "/assets/a-1.css".to_owned())]);
        let rewritten = rewrite(html, &renamed, "<meta>").expect("it has a head");
        assert_eq!(
            rewritten,
            r##"<head><link href="/assets/a-1.css"><a href="/x"><a href="https://x"><a href="#y"><meta></head>"##
        );
    }
}
