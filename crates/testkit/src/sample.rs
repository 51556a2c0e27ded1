//! The sample app of `examples/hello` as an image: what every installation carries, and what tests deploy.

use crate::image::{Image, ImageFile};
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The image's name without a tag.
pub const NAME: &str = "berth/hello";
/// Where it listens.
pub const PORT: u16 = 8080;
/// Nobody: it needs no rights.
const USER: &str = "65534:65534";

/// The tag of the sample that installations carry: the product's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The image of a binary, telling the given version and settings: variants differ in their environment only.
pub fn image(binary: &Path, version: &str, env: &[&str]) -> Result<Image> {
    let bytes = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    let mut all = vec![format!("HELLO_VERSION={version}")];
    all.extend(env.iter().map(|pair| (*pair).to_owned()));
    Ok(Image {
        reference: format!("{NAME}:{version}"),
        entrypoint: vec!["/hello".into()],
        env: all,
        exposed_ports: vec![PORT],
        user: USER.into(),
        files: vec![ImageFile { path: "hello".into(), mode: 0o755, bytes }],
    })
}

/// The archive of a variant, for tests. Builds the binary when it is not up to date.
pub fn archive(version: &str, env: &[&str]) -> Vec<u8> {
    let binary = build(&target_dir()).expect("examples/hello builds");
    image(&binary, version, env).expect("the binary was built").to_bytes()
}

/// Builds the binary without any shared library, as an image from nothing needs it.
pub fn build(target_dir: &Path) -> Result<PathBuf> {
    let target = host_target()?;
    // A directory of its own: other flags would throw away what else was built.
    let own_dir = target_dir.join("sample");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--package", "hello", "--target", &target, "--target-dir"])
        .arg(&own_dir)
        .current_dir(workspace())
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "cargo could not build examples/hello");
    Ok(own_dir.join(target).join("release/hello"))
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/testkit lies two below").to_owned()
}

fn host_target() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("starting rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}
