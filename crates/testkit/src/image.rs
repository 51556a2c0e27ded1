//! Packs files into an image archive as `docker save` writes it, without Docker: one layer, the same bytes every time.

use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// When every image says that it was made: a real time would change its digest with each build.
const CREATED: &str = "2026-01-01T00:00:00Z";

/// A file of the image.
#[derive(Debug, Clone)]
pub struct ImageFile {
    /// From the root, without a leading slash.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// An image to be packed.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// `name:tag`.
    pub reference: String,
    /// What runs.
    pub entrypoint: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// TCP ports that it says it listens on.
    pub exposed_ports: Vec<u16>,
    /// `uid:gid`; root when empty.
    pub user: String,
    /// Its only layer.
    pub files: Vec<ImageFile>,
}

impl Image {
    /// Writes the archive.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let layer = self.layer()?;
        let layer_sha256 = sha256(&layer);
        let config = self.config(&layer_sha256);
        let config_name = format!("{}.json", sha256(&config));
        let layer_name = format!("{layer_sha256}/layer.tar");
        let manifest = json!([{ "Config": config_name, "RepoTags": [self.reference], "Layers": [layer_name] }]);
        let mut archive = tar::Builder::new(out);
        append(&mut archive, &config_name, 0o644, &config)?;
        append(&mut archive, &layer_name, 0o644, &layer)?;
        append(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes())?;
        archive.into_inner()?.flush()
    }

    /// The archive in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes).expect("a vector takes everything");
        bytes
    }

    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for file in &self.files {
            append(&mut archive, &file.path, file.mode, &file.bytes)?;
        }
        archive.into_inner()
    }

    fn config(&self, layer_sha256: &str) -> Vec<u8> {
        let ports: serde_json::Map<_, _> =
            self.exposed_ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "created": CREATED,
            "config": {
                "Entrypoint": self.entrypoint,
                "Env": self.env,
                "ExposedPorts": ports,
                "User": self.user,
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_sha256}")] },
            "history": [{ "created": CREATED, "created_by": "berth" }],
        });
        config.to_string().into_bytes()
    }
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_image_has_the_same_bytes() {
        let file = ImageFile { path: "bin/app".into(), mode: 0o755, bytes: vec![7; 5] };
        let image = Image { reference: "a:1".into(), files: vec![file], exposed_ports: vec![80], ..Image::default() };
        assert_eq!(image.to_bytes(), image.to_bytes());
        let mut archive = tar::Archive::new(std::io::Cursor::new(image.to_bytes()));
        let names: Vec<String> = archive
            .entries()
            .expect("an archive")
            .map(|entry| entry.expect("an entry").path().expect("a path").to_string_lossy().into_owned())
            .collect();
        assert_eq!(names.len(), 3);
        assert_eq!(names[2], "manifest.json");
    }
}
