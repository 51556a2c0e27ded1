//! What the agent must not forget: whose node this is, the highest generation it has seen, what it shall run.
//!
//! One file, written whole: a temporary file, fsync, rename, fsync of the directory. It carries its own checksum, and a
//! file that does not match is refused: guessing would mean to stop containers that are wanted. It never holds
//! registry credentials.

use crate::wanted::WantedSet;
use berth_domain::id::InstallId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

const FILE: &str = "ledger";
const MAGIC: &str = "berth-ledger-1";

/// A number that orders desired sets: the leader's epoch first, then the generation within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Generation {
    /// Of the leader.
    pub epoch: u64,
    /// Within the epoch.
    pub generation: u64,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Whose node this is.
    pub install: InstallId,
    /// Of the newest set, which is `wanted`; older ones are refused.
    pub seen: Generation,
    /// What shall run here.
    #[serde(with = "as_list")]
    pub wanted: WantedSet,
    /// Uploaded images by the name that they got here, with the engine's own id of what was loaded. Names alone
    /// are not trusted: the archive of another upload could claim them.
    #[serde(default)]
    pub uploads: BTreeMap<String, LoadedUpload>,
    /// How often an instance was started again, so that a restart of the agent does not hide a crash loop.
    #[serde(default)]
    pub restarts: BTreeMap<String, u32>,
}

/// An uploaded image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedUpload {
    /// sha256 of the archive.
    pub digest: String,
    /// The engine's id of the image.
    pub image_id: String,
}

/// Why there is no ledger to work from.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read or written.
    #[error("the ledger {} cannot be read or written", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is there and not what was written.
    #[error(
        "the ledger {} is damaged ({what}). Running containers are left alone. \
         Move the file away to start with what the server sends next",
        path.display()
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file belongs to another installation.
    #[error("the ledger {} belongs to {found}, and this node to {ours}", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        found: InstallId,
        /// Whose node this is.
        ours: InstallId,
    },
}

impl Ledger {
    /// An empty one.
    pub fn new(install: InstallId) -> Self {
        Self {
            install,
            seen: Generation::default(),
            wanted: WantedSet::new(),
            uploads: BTreeMap::new(),
            restarts: BTreeMap::new(),
        }
    }

    /// Reads the ledger of `directory`, or begins one when there is none.
    pub fn open(directory: &Path, install: InstallId) -> Result<Self, LedgerError> {
        let path = directory.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::new(install)),
            Err(source) => return Err(LedgerError::Io { path, source }),
        };
        let ledger = decode(&text).map_err(|what| LedgerError::Corrupt { path: path.clone(), what })?;
        if ledger.install != install {
            return Err(LedgerError::Foreign { path, found: ledger.install, ours: install });
        }
        Ok(ledger)
    }

    /// Writes the ledger; when it returns, a power cut no longer loses it. Blocks for the disk.
    pub fn save(&self, directory: &Path) -> Result<(), LedgerError> {
        let path = directory.join(FILE);
        write_durably(directory, FILE, &encode(self)).map_err(|source| LedgerError::Io { path, source })
    }
}

/// Writes `bytes` as `directory/name`, mode 0600, so that either the old or the new content is there after a power cut.
pub fn write_durably(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!(".{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(name))?;
    File::open(directory)?.sync_all()
}

fn encode(ledger: &Ledger) -> Vec<u8> {
    let body = serde_json::to_vec(ledger).expect("a ledger has only string keys");
    let mut text = format!("{MAGIC} {}\n", hex::encode(Sha256::digest(&body))).into_bytes();
    text.extend_from_slice(&body);
    text
}

fn decode(text: &[u8]) -> Result<Ledger, String> {
    let end = text.iter().position(|b| *b == b'\n').ok_or("it has no first line")?;
    let head = std::str::from_utf8(&text[..end]).map_err(|_| "its first line is not text")?;
    let checksum = head.strip_prefix(MAGIC).ok_or("its first line is not a ledger's")?.trim();
    let body = &text[end + 1..];
    if hex::encode(Sha256::digest(body)) != checksum {
        return Err("its checksum does not match".to_owned());
    }
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

/// A set as a list on disk: its keys are in its values.
mod as_list {
    use super::WantedSet;
    use crate::wanted::Wanted;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(set: &WantedSet, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(set.values())
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<WantedSet, D::Error> {
        let list = Vec::<Wanted>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|wanted| (wanted.instance, wanted)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use uuid::Uuid;

    fn install(n: u128) -> InstallId {
        InstallId::new(Uuid::from_u128(n))
    }

    fn sample() -> Ledger {
        let wanted = testing::wanted(1, "nginx");
        let mut ledger = Ledger::new(install(1));
        ledger.seen = Generation { epoch: 3, generation: 9 };
        ledger.restarts.insert(wanted.instance.to_string(), 2);
        ledger.wanted.insert(wanted.instance, wanted);
        ledger
    }

    #[test]
    fn what_was_saved_is_read_back_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        sample().save(directory.path()).expect("saved");
        assert_eq!(Ledger::open(directory.path(), install(1)).expect("opened"), sample());
        let mode = fs::metadata(directory.path().join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn without_a_file_it_begins_empty() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(Ledger::open(directory.path(), install(1)).expect("opened"), Ledger::new(install(1)));
    }

    #[test]
    fn every_single_damaged_byte_and_every_cut_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let good = encode(&sample());
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            fs::write(directory.path().join(FILE), &bad).expect("written");
            let opened = Ledger::open(directory.path(), install(1));
            assert!(matches!(opened, Err(LedgerError::Corrupt { .. })), "byte {at}");
        }
        for length in (0..good.len()).step_by(31) {
            fs::write(directory.path().join(FILE), &good[..length]).expect("written");
            assert!(Ledger::open(directory.path(), install(1)).is_err(), "length {length}");
        }
    }

    #[test]
    fn the_ledger_of_another_installation_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        sample().save(directory.path()).expect("saved");
        assert!(matches!(Ledger::open(directory.path(), install(2)), Err(LedgerError::Foreign { .. })));
    }

    #[test]
    fn a_leftover_of_an_interrupted_save_does_no_harm() {
        let directory = tempfile::tempdir().expect("a directory");
        sample().save(directory.path()).expect("saved");
        fs::write(directory.path().join(".ledger.new"), b"half").expect("written");
        assert_eq!(Ledger::open(directory.path(), install(1)).expect("opened"), sample());
    }
}
