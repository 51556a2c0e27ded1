//! The programs under test: those of the installation that `cargo xtask` built, otherwise built on the spot.

use berth_testkit::sample;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The directory of an installation: binaries, and `share/berth` beside them.
const INSTALLATION: &str = "BERTH_INSTALLATION";

/// Where the programs lie.
#[derive(Debug, Clone)]
pub struct Parts {
    /// `berth-server`.
    pub server: PathBuf,
    /// `berth-agent`.
    pub agent: PathBuf,
    /// `berth`, where there is an installation.
    pub berth: Option<PathBuf>,
    /// The built console, where there is an installation.
    pub console: Option<PathBuf>,
    /// The archive of the sample's image.
    pub sample: Vec<u8>,
}

impl Parts {
    /// Finds or builds them; once for this process.
    pub fn find() -> &'static Self {
        static PARTS: OnceLock<Parts> = OnceLock::new();
        PARTS.get_or_init(|| match env::var_os(INSTALLATION).map(PathBuf::from) {
            Some(directory) => Self::of_installation(&directory),
            None => Self::built_here(),
        })
    }

    fn of_installation(directory: &Path) -> Self {
        let there = |name: &str| {
            let file = directory.join(name);
            assert!(file.exists(), "{} is not there: run `cargo xtask up --build-only`", file.display());
            file
        };
        Self {
            server: there("berth-server"),
            agent: there("berth-agent"),
            berth: Some(there("berth")),
            console: Some(directory.join("share/berth/console")).filter(|console| console.is_dir()),
            sample: fs::read(there("share/berth/hello.tar")).expect("the sample's image can be read"),
        }
    }

    fn built_here() -> Self {
        let target = sample::target_dir();
        let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--bin", "berth-server", "--bin", "berth-agent", "--target-dir"])
            .arg(&target)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("SQLX_OFFLINE", "true")
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the programs under test do not build");
        let built = target.join("debug");
        Self {
            server: built.join("berth-server"),
            agent: built.join("berth-agent"),
            berth: None,
            console: None,
            sample: sample::archive(sample::VERSION, &[]),
        }
    }
}
