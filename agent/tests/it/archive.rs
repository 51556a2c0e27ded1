//! A docker-archive with busybox in it: the one image of these tests, made of what the machine has.

use sha2::{Digest as _, Sha256};
use std::fs;

const BUSYBOX: &str = "/bin/busybox";

/// The archive, as `docker save` would write it.
pub fn busybox() -> Vec<u8> {
    let binary = fs::read(BUSYBOX).unwrap_or_else(|e| panic!("{BUSYBOX} (package busybox-static) is needed: {e}"));
    let mut layer = tar::Builder::new(Vec::new());
    add(&mut layer, "bin/busybox", &binary, 0o755);
    for applet in ["sh", "httpd", "sleep", "mkdir", "touch", "rm", "echo", "stty", "cat"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        layer.append_link(&mut header, format!("bin/{applet}"), "busybox").expect("a link");
    }
    let layer = layer.into_inner().expect("a layer");
    let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let config = serde_json::json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Cmd": ["/bin/sleep", "600"], "Env": ["PATH=/bin"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))] },
    })
    .to_string();
    let config_name = format!("{}.json", digest(config.as_bytes()));
    let manifest = serde_json::json!([{
        "Config": config_name, "RepoTags": ["somebody/elses:name"], "Layers": ["layer.tar"],
    }])
    .to_string();
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, "layer.tar", &layer, 0o644);
    add(&mut archive, &config_name, config.as_bytes(), 0o644);
    add(&mut archive, "manifest.json", manifest.as_bytes(), 0o644);
    archive.into_inner().expect("an archive")
}

fn add(archive: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8], mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    archive.append_data(&mut header, path, content).expect("an entry");
}
