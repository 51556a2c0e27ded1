//! The image of sandboxes: one program of a few bytes that waits. Made here, so that a node needs no registry for it.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Where the program is loaded, and where its first instruction lies: behind the two headers.
const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// Linux on x86-64: `pause` (34), again and again.
const X86_64: Program = Program {
    architecture: "amd64",
    machine: 62,
    // mov eax, 34; syscall; jmp to the beginning
    code: &[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7],
};
/// Linux on aarch64, which has no `pause`: `ppoll` (73) of nothing, without an end.
const AARCH64: Program = Program {
    architecture: "arm64",
    machine: 183,
    // mov x8, 73; mov x0 to x4, 0; svc 0; b to the beginning
    code: &[
        0x28, 0x09, 0x80, 0xd2, 0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00,
        0x80, 0xd2, 0x04, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xf9, 0xff, 0xff, 0x17,
    ],
};

/// Instructions for a processor. They use no memory and no stack.
struct Program {
    /// As images name it.
    architecture: &'static str,
    /// As ELF numbers it.
    machine: u16,
    code: &'static [u8],
}

/// The archive for this node's processor, as `docker save` would write it; the same bytes each time. `None`: there is no
/// program for this processor.
pub fn archive() -> Option<Bytes> {
    let program = match std::env::consts::ARCH {
        "x86_64" => X86_64,
        "aarch64" => AARCH64,
        _ => return None,
    };
    Some(archive_of(&program))
}

fn archive_of(program: &Program) -> Bytes {
    let layer = tar_of(&[("wait", &executable(program), 0o755)]);
    let config = serde_json::json!({
        "architecture": program.architecture,
        "os": "linux",
        "config": { "Entrypoint": ["/wait"], "User": "65534:65534" },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex::encode(Sha256::digest(&layer)))] },
    })
    .to_string();
    // Without a name: an uploaded archive could claim it. The engine answers with its id.
    let manifest =
        serde_json::json!([{ "Config": "config.json", "RepoTags": null, "Layers": ["layer.tar"] }]).to_string();
    let files: [(&str, &[u8], u32); 3] = [
        ("manifest.json", manifest.as_bytes(), 0o644),
        ("config.json", config.as_bytes(), 0o644),
        ("layer.tar", &layer, 0o644),
    ];
    tar_of(&files).into()
}

/// An ELF file of one segment, which is the whole file, readable and executable.
fn executable(program: &Program) -> Vec<u8> {
    let entry = BASE + HEADERS;
    let size = HEADERS + program.code.len() as u64;
    let mut file = Vec::new();
    // 64 bits, little-endian, version 1, no particular system.
    file.extend_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // An executable, for this machine, of version 1.
    for (half, word) in [(2_u16, None), (program.machine, Some(1_u32))] {
        file.extend_from_slice(&half.to_le_bytes());
        file.extend(word.into_iter().flat_map(u32::to_le_bytes));
    }
    // Where it begins; one program header right behind this one; no section headers; no flags.
    [entry, 64, 0].iter().for_each(|n| file.extend_from_slice(&n.to_le_bytes()));
    file.extend_from_slice(&0_u32.to_le_bytes());
    [64_u16, 56, 1, 0, 0, 0].iter().for_each(|n| file.extend_from_slice(&n.to_le_bytes()));
    // Loaded, executable (1) and readable (4): offset, address, physical address, size in the file and in memory, page.
    [1_u32, 5].iter().for_each(|n| file.extend_from_slice(&n.to_le_bytes()));
    [0, BASE, BASE, size, size, 0x1000].iter().for_each(|n| file.extend_from_slice(&n.to_le_bytes()));
    file.extend_from_slice(program.code);
    file
}

fn tar_of(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(0);
        archive.append_data(&mut header, path, *content).expect("memory takes it");
    }
    archive.into_inner().expect("memory takes it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, thread, time::Duration};

    #[test]
    fn the_program_runs_here_and_waits() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("wait");
        let program = if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 };
        fs::write(&path, executable(&program)).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("allowed");
        let mut child = Command::new(&path).spawn().expect("the kernel takes it for a program");
        let state = || fs::read_to_string(format!("/proc/{}/wchan", child.id())).unwrap_or_default();
        let waits = || (!matches!(state().as_str(), "" | "0")).then_some(());
        berth_testkit::wait::until("it to wait in the kernel", Duration::from_secs(10), waits);
        thread::yield_now();
        assert_eq!(child.try_wait().expect("asked"), None, "it ended");
        child.kill().expect("ours");
        child.wait().expect("ended");
    }

    #[test]
    fn the_same_image_comes_out_each_time() {
        for program in [X86_64, AARCH64] {
            assert_eq!(archive_of(&program), archive_of(&program));
        }
        assert_eq!(executable(&AARCH64).len(), 120 + 32);
    }
}
