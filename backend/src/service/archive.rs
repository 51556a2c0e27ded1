//! The archive of `docker save`, read where it lies: nothing is unpacked, nothing but two small files is read into
//! memory, and names in it are compared, never opened.
//!
//! Of the archive that is kept, the names that it would give its image are blanked: on a node it must not take the name of
//! somebody else's image.

use super::resolve::ImageConfig;
use berth_domain::image::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};
use tar::Archive;

/// Most entries: an image has at most 127 layers, each with a few files.
const ENTRIES_MAX: usize = 10_000;
/// Largest manifest, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// Largest image configuration, in bytes: a long history with long environments.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Size of a block of a tar archive.
const BLOCK_BYTES: u64 = 512;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Digest of the image's configuration: the engine's id of the image.
    pub image_digest: Digest,
    /// The name that the archive gives its image.
    pub tag: Option<String>,
    /// Ports that the image says it listens on.
    pub exposed_ports: Vec<u16>,
}

/// Why a file is no image archive; a sentence.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is something else, or damaged.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be read or written.
    #[error("cannot read the archive")]
    Io(#[from] io::Error),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ManifestItem {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default, skip_serializing)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// A file in the archive.
struct Entry {
    name: String,
    offset: u64,
    size: u64,
}

/// Looks into an archive and blanks its names in place.
pub fn inspect(file: &mut File) -> Result<Inspected, ArchiveError> {
    let entries = list(file)?;
    let manifest = find(&entries, "manifest.json")
        .ok_or_else(|| invalid("it has no manifest.json: make it with “docker save”, not with “docker export”"))?;
    let text = read(file, manifest, MANIFEST_BYTES_MAX)?;
    let items: Vec<ManifestItem> =
        serde_json::from_slice(&text).map_err(|e| invalid(format!("its manifest.json cannot be read: {e}")))?;
    let [item] = items.as_slice() else {
        return Err(invalid(format!("it holds {} images; save one image per archive", items.len())));
    };
    let config = find(&entries, &item.config).ok_or_else(|| invalid("the configuration of its image is missing"))?;
    for layer in &item.layers {
        if find(&entries, layer).is_none() {
            return Err(invalid("a layer of its image is missing"));
        }
    }
    let config_bytes = read(file, config, CONFIG_BYTES_MAX)?;
    let digest = hex::encode(Sha256::digest(&config_bytes));
    let named = item.config.trim_end_matches(".json").rsplit('/').next().unwrap_or_default();
    if named.len() == 64 && named != digest {
        return Err(invalid("the configuration of its image does not match its name"));
    }
    let config: ImageConfig = serde_json::from_slice(&config_bytes)
        .map_err(|e| invalid(format!("the configuration of its image cannot be read: {e}")))?;
    let tag = item.tags.as_ref().and_then(|tags| tags.first().cloned());
    blank_names(file, &entries, manifest, &items)?;
    Ok(Inspected {
        image_digest: Digest::parse(&format!("sha256:{digest}")).map_err(|e| invalid(e.message))?,
        tag,
        exposed_ports: config.ports(),
    })
}

fn list(file: &mut File) -> Result<Vec<Entry>, ArchiveError> {
    file.seek(SeekFrom::Start(0))?;
    let mut magic = [0; 2];
    if file.read_exact(&mut magic).is_ok() && magic == [0x1F, 0x8B] {
        return Err(invalid("it is compressed; send it as it is, or unpack it with “gunzip” first"));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut archive = Archive::new(&mut *file);
    let damaged = |e: io::Error| invalid(format!("it is not a tar archive, or damaged: {e}"));
    let mut entries = Vec::new();
    // Raw: extended headers stay entries of their own instead of being read into memory.
    for entry in archive.entries_with_seek().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        if entries.len() == ENTRIES_MAX {
            return Err(invalid(format!("it has more than {ENTRIES_MAX} entries")));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        entries.push(Entry { name, offset: entry.raw_file_position(), size: entry.header().size().map_err(damaged)? });
    }
    Ok(entries)
}

/// The last entry of a name: what an engine that unpacks it would end up with.
fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().rev().find(|entry| entry.name == name)
}

fn read(file: &mut File, entry: &Entry, max: u64) -> Result<Vec<u8>, ArchiveError> {
    if entry.size > max {
        return Err(invalid(format!("its {} is larger than {max} bytes", entry.name)));
    }
    let mut bytes = vec![0; usize::try_from(entry.size).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(entry.offset))?;
    file.read_exact(&mut bytes).map_err(|_| invalid("it ends too early"))?;
    Ok(bytes)
}

/// Writes manifests without names over the old ones, filled up with spaces: nothing in the archive moves.
fn blank_names(
    file: &mut File,
    entries: &[Entry],
    manifest: &Entry,
    items: &[ManifestItem],
) -> Result<(), ArchiveError> {
    let without = serde_json::to_vec(items).map_err(io::Error::other)?;
    overwrite(file, manifest, without)?;
    for entry in entries {
        let again = entry.name == "manifest.json" && entry.offset != manifest.offset;
        if again || entry.name == "repositories" {
            // Files that only older engines read, or that no engine ends up with.
            overwrite(file, entry, b"{}".to_vec())?;
        }
        if entry.name == "index.json" {
            let text = read(file, entry, MANIFEST_BYTES_MAX)?;
            let mut index: serde_json::Value =
                serde_json::from_slice(&text).map_err(|e| invalid(format!("its index.json cannot be read: {e}")))?;
            for manifest in index["manifests"].as_array_mut().into_iter().flatten() {
                if let Some(manifest) = manifest.as_object_mut() {
                    manifest.remove("annotations");
                }
            }
            overwrite(file, entry, serde_json::to_vec(&index).map_err(io::Error::other)?)?;
        }
    }
    file.sync_all()?;
    Ok(())
}

fn overwrite(file: &mut File, entry: &Entry, mut bytes: Vec<u8>) -> Result<(), ArchiveError> {
    let size = usize::try_from(entry.size).map_err(io::Error::other)?;
    if bytes.len() > size {
        if entry.size.is_multiple_of(BLOCK_BYTES) && size == 0 {
            return Ok(());
        }
        return Err(invalid(format!("its {} cannot be written without names", entry.name)));
    }
    bytes.resize(size, b' ');
    file.seek(SeekFrom::Start(entry.offset))?;
    file.write_all(&bytes)?;
    Ok(())
}

fn invalid(why: impl Into<String>) -> ArchiveError {
    ArchiveError::Invalid(format!("This is not an image archive: {}.", why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> File {
        let mut builder = tar::Builder::new(tempfile::tempfile().expect("a file"));
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append_data(&mut header, name, *bytes).expect("appends");
        }
        builder.into_inner().expect("finishes")
    }
    const CONFIG: &[u8] = br#"{"config":{"ExposedPorts":{"8080/tcp":{}}},"rootfs":{"type":"layers"}}"#;

    fn manifest(config: &str) -> Vec<u8> {
        format!(r#"[{{"Config":"{config}","RepoTags":["shop/web:1"],"Layers":["l/layer.tar"]}}]"#).into_bytes()
    }
    fn config_name() -> String {
        format!("{}.json", hex::encode(Sha256::digest(CONFIG)))
    }

    #[test]
    fn an_image_is_read_and_loses_its_names() {
        let name = config_name();
        let index = br#"{"schemaVersion":2,"manifests":[{"digest":"x","annotations":{"io.containerd.image.name":"docker.io/library/nginx:latest"}}]}"#;
        let mut file = archive(&[
            (&name, CONFIG),
            ("l/layer.tar", b"layer"),
            ("index.json", index),
            ("repositories", br#"{"shop/web":{"1":"l"}}"#),
            ("manifest.json", &manifest(&name)),
        ]);
        let inspected = inspect(&mut file).expect("an image");
        assert_eq!(inspected.tag.as_deref(), Some("shop/web:1"));
        assert_eq!(inspected.exposed_ports, [8080]);
        assert_eq!(inspected.image_digest.as_str(), format!("sha256:{}", name.trim_end_matches(".json")));
        let again = inspect(&mut file).expect("still an image");
        assert_eq!(again, Inspected { tag: None, ..inspected });
        let mut all = Vec::new();
        file.seek(SeekFrom::Start(0)).expect("seeks");
        file.read_to_end(&mut all).expect("reads");
        let text = String::from_utf8_lossy(&all);
        assert!(!text.contains("shop/web") && !text.contains("nginx"), "no name is left");
    }

    #[test]
    fn what_is_no_image_says_why() {
        let name = config_name();
        let two = format!("[{0},{0}]", String::from_utf8_lossy(&manifest(&name)).trim_matches(['[', ']']));
        let wrong = format!("{}.json", "0".repeat(64));
        let cases: [(File, &str); 6] = [
            (archive(&[("etc/passwd", b"x")]), "manifest.json"),
            (archive(&[("manifest.json", b"{")]), "cannot be read"),
            (archive(&[("manifest.json", two.as_bytes()), (&name, CONFIG), ("l/layer.tar", b"")]), "2 images"),
            (archive(&[("manifest.json", &manifest(&name)), ("l/layer.tar", b"")]), "configuration"),
            (archive(&[("manifest.json", &manifest(&name)), (&name, CONFIG)]), "layer"),
            (archive(&[("manifest.json", &manifest(&wrong)), (&wrong, CONFIG), ("l/layer.tar", b"")]), "match"),
        ];
        for (mut file, part) in cases {
            let error = inspect(&mut file).expect_err(part).to_string();
            assert!(error.contains(part), "{error} should speak of {part}");
        }
    }

    #[test]
    fn other_files_and_lying_sizes_are_refused() {
        let mut gzip = tempfile::tempfile().expect("a file");
        gzip.write_all(&[0x1F, 0x8B, 8, 0]).expect("writes");
        assert!(inspect(&mut gzip).expect_err("compressed").to_string().contains("gunzip"));
        let mut text = tempfile::tempfile().expect("a file");
        text.write_all(&[b'x'; 2000]).expect("writes");
        assert!(matches!(inspect(&mut text), Err(ArchiveError::Invalid(_))));
        let mut header = tar::Header::new_ustar();
        header.set_path("manifest.json").expect("short");
        header.set_size(u64::MAX / 2);
        header.set_cksum();
        let mut lying = tempfile::tempfile().expect("a file");
        lying.write_all(header.as_bytes()).expect("writes");
        assert!(matches!(inspect(&mut lying), Err(ArchiveError::Invalid(_))));
    }
}
