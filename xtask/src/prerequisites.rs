//! What the machine must have. As root on Debian it is installed; anywhere else the exact command is printed.

use crate::process::{cargo, find, output, run, step};
use anyhow::{Context, Result, bail};
use std::{fs, os::unix::net::UnixStream, path::Path, process::Command};

/// Something that a command needs, and the Debian package that brings it.
struct Need {
    package: &'static str,
    present: fn() -> bool,
}

const POSTGRES: Need = Need { package: "postgresql", present: has_postgres };
const DOCKER: Need = Need { package: "docker.io", present: has_docker };
const CONTAINERD: Need = Need { package: "containerd", present: || find("containerd").is_some() };
const DOCKERD: Need = Need { package: "docker.io", present: || find("dockerd").is_some() };
const IPTABLES: Need = Need { package: "iptables", present: || find("iptables").is_some() };
const IPROUTE: Need = Need { package: "iproute2", present: || find("ip").is_some() };
const NODE: Need = Need { package: "nodejs", present: || find("node").is_some() };
const NPM: Need = Need { package: "npm", present: || find("npm").is_some() };
const CHROMIUM: Need = Need { package: "chromium", present: || find("chromium").is_some() };
/// A private registry to pull from.
const REGISTRY: Need = Need { package: "docker-registry", present: || find("docker-registry").is_some() };
/// A shell for images that tests make.
const BUSYBOX: Need = Need { package: "busybox-static", present: || find("busybox").is_some() };
/// The console is Chinese, too; without a font its screenshots show boxes.
const FONTS: Need =
    Need { package: "fonts-noto-cjk", present: || Path::new("/usr/share/fonts/opentype/noto").is_dir() };

/// For building and starting everything.
pub fn for_up() -> Result<()> {
    packages(&[POSTGRES, DOCKER, IPTABLES, NODE, NPM])?;
    wasm_target()
}

/// For building the console alone.
pub fn for_console() -> Result<()> {
    packages(&[NODE, NPM])?;
    wasm_target()
}

/// For all tests: the fleet starts Docker hosts of its own, the browser tests a browser.
pub fn for_tests() -> Result<()> {
    packages(&[POSTGRES, DOCKERD, CONTAINERD, IPTABLES, IPROUTE, NODE, NPM, CHROMIUM, FONTS, BUSYBOX, REGISTRY])?;
    component("rustfmt", "cargo-fmt")?;
    component("clippy", "cargo-clippy")?;
    wasm_target()
}

fn packages(needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = needs.iter().filter(|need| !(need.present)()).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let debian = Path::new("/etc/debian_version").exists() && find("apt-get").is_some();
    if !debian {
        bail!("please install these first (names as in Debian): {list}");
    }
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "please run this first, then start again:\n\n    sudo apt-get install -y --no-install-recommends {list}\n"
        );
    }
    step(&format!("installing {list}"), || install(&missing))?;
    match needs.iter().find(|need| !(need.present)()) {
        Some(need) => bail!("{} was installed, but what it should bring is not there", need.package),
        None => Ok(()),
    }
}

fn install(packages: &[&str]) -> Result<()> {
    if packages.contains(&"postgresql") {
        keep_debian_from_starting_postgres()?;
    }
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Dpkg::Options::=--force-confold"]);
        command
    };
    let attempt = || run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages));
    // Lists of packages may be missing or old; reading them anew takes long, so only when it must be.
    if attempt().is_err() {
        run(apt_get().arg("update"))?;
        attempt()?;
    }
    Ok(())
}

/// The package starts a database server of its own, which nobody asked for: we only want the binaries.
fn keep_debian_from_starting_postgres() -> Result<()> {
    let path = Path::new("/etc/postgresql-common/createcluster.conf");
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("it has a parent"))?;
    fs::write(path, "create_main_cluster = false\n").context("telling Debian not to start a Postgres of its own")
}

fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|v| v.path().join("bin/initdb")).any(|initdb| initdb.is_file()) || find("initdb").is_some()
}

/// An engine that answers, or one that `berth up` can start.
fn has_docker() -> bool {
    UnixStream::connect("/var/run/docker.sock").is_ok() || find("dockerd").is_some()
}

fn wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(crate::place::root()))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!("please install Rust's {TARGET} target (with rustup: rustup target add {TARGET})");
    }
    step(&format!("installing Rust's {TARGET} target"), || {
        run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(crate::place::root()))
    })
}

fn component(name: &str, program: &str) -> Result<()> {
    let probe = cargo().args([name.trim_start_matches("rust"), "--version"]).output();
    if find(program).is_some() && probe.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    step(&format!("installing Rust's {name}"), || run(Command::new("rustup").args(["component", "add", name])))
}
