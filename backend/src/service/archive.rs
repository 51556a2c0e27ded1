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
/// Largest extended header, in bytes: a few lines of attributes.
const EXTENDED_BYTES_MAX: u64 = 64 * 1024;
/// Attributes of an extended header that would make an engine see other names or contents than we do.
const FORBIDDEN_ATTRIBUTES: [&str; 4] = ["path", "linkpath", "size", "GNU.sparse"];
/// Files by which an engine names images. Each may be there once, as a plain file.
const NAMING_FILES: [&str; 3] = ["manifest.json", "index.json", "repositories"];
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
    let (mut entries, mut extended) = (Vec::new(), Vec::new());
    // Raw: extended headers stay entries of their own instead of being applied to the next one.
    for entry in archive.entries_with_seek().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        if entries.len() == ENTRIES_MAX {
            return Err(invalid(format!("it has more than {ENTRIES_MAX} entries")));
        }
        let kind = entry.header().entry_type();
        let size = entry.header().size().map_err(damaged)?;
        let name = canonical(&entry.path_bytes())?;
        let found = Entry { name, offset: entry.raw_file_position(), size };
        if kind.is_pax_local_extensions() || kind.is_pax_global_extensions() {
            extended.push(found);
            continue;
        }
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link()) {
            return Err(invalid(format!("its entry {} is no file, directory or link", found.name)));
        }
        if NAMING_FILES.contains(&found.name.as_str()) {
            let again = entries.iter().any(|entry: &Entry| entry.name == found.name);
            if again || !kind.is_file() {
                return Err(invalid(format!("{} must be there once, as a plain file", found.name)));
            }
        }
        entries.push(found);
    }
    extended.iter().try_for_each(|header| check_extended(file, header))?;
    Ok(entries)
}

/// The name as an engine sees it after cleaning. Names that would only become another by that are refused: what is
/// checked here must be what is unpacked there.
fn canonical(bytes: &[u8]) -> Result<String, ArchiveError> {
    let text = String::from_utf8_lossy(bytes);
    let mut name = text.trim_end_matches('/');
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    // The archive's own root directory, as some tools write it.
    if matches!(name, "." | "") && !text.is_empty() && !text.starts_with('/') || name.split('/').all(is_plain) {
        return Ok(name.to_owned());
    }
    Err(invalid(format!("its entry {text:?} has a name that leads elsewhere")))
}

/// An extended header may tell times and attributes of the entry behind it, not another name or size.
fn check_extended(file: &mut File, header: &Entry) -> Result<(), ArchiveError> {
    let text = read(file, header, EXTENDED_BYTES_MAX)?;
    for line in tar::PaxExtensions::new(&text) {
        let line = line.map_err(|e| invalid(format!("an extended header cannot be read: {e}")))?;
        let key = String::from_utf8_lossy(line.key_bytes());
        if FORBIDDEN_ATTRIBUTES.iter().any(|forbidden| key.starts_with(forbidden)) {
            return Err(invalid(format!("an extended header gives an entry another {key}")));
        }
    }
    Ok(())
}

/// The last entry of a name: what an engine that unpacks it ends up with.
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
        if entry.name == "repositories" {
            // Only older engines read it.
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

    /// One entry behind a good image: its header is as given, whatever a writer would make of it.
    fn with_odd_entry(name: &str, kind: tar::EntryType, content: &[u8]) -> File {
        let config = config_name();
        let mut builder = tar::Builder::new(tempfile::tempfile().expect("a file"));
        let mut append = |name: &str, kind: tar::EntryType, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, bytes).expect("appends");
        };
        append(&config, tar::EntryType::Regular, CONFIG);
        append("l/layer.tar", tar::EntryType::Regular, b"layer");
        append("manifest.json", tar::EntryType::Regular, &manifest(&config));
        append(name, kind, content);
        append("./other", tar::EntryType::Regular, b"of no matter");
        builder.into_inner().expect("finishes")
    }

    #[test]
    fn names_that_only_an_engine_would_see_are_refused() {
        use tar::EntryType;
        let taken = manifest(&config_name());
        for (name, kind, content) in [
            ("/manifest.json", EntryType::Regular, &taken[..]),
            ("x/../manifest.json", EntryType::Regular, &taken),
            ("x//manifest.json", EntryType::Regular, &taken),
            ("manifest.json", EntryType::Regular, &taken),
            ("./manifest.json", EntryType::Regular, &taken),
            ("index.json", EntryType::Symlink, b""),
            ("repositories", EntryType::Link, b""),
            ("device", EntryType::Char, b""),
            ("long", EntryType::GNULongName, b"manifest.json\0"),
            ("PaxHeaders/x", EntryType::XHeader, b"22 path=manifest.json\n"),
            ("PaxHeaders/g", EntryType::XGlobalHeader, b"22 path=manifest.json\n"),
        ] {
            let error = inspect(&mut with_odd_entry(name, kind, content)).expect_err(name);
            assert!(matches!(error, ArchiveError::Invalid(_)), "{name} {kind:?}: {error}");
        }
        for (name, kind, content) in [
            ("x/", EntryType::Directory, &b""[..]),
            ("l2", EntryType::Symlink, b""),
            ("PaxHeaders/x", EntryType::XHeader, b"21 mtime=1.500000000\n"),
        ] {
            inspect(&mut with_odd_entry(name, kind, content)).unwrap_or_else(|e| panic!("{name} {kind:?}: {e}"));
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
