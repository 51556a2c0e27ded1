//! Where things lie.

use std::{
    env,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Cargo says where the package lies that it runs. Where it was compiled may be another tree: several share what is built.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().expect("xtask lies in the root").to_owned()
});

/// The root of the tree.
pub fn root() -> &'static Path {
    &ROOT
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The installation as a user has it: binaries, and `share/berth` beside them.
pub fn installation() -> PathBuf {
    target().join("berth")
}

/// The built console.
pub fn console() -> PathBuf {
    installation().join("share/berth/console")
}

/// The sample's image.
pub fn sample() -> PathBuf {
    installation().join("share/berth/hello.tar")
}
