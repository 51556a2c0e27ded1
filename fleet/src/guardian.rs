//! Ends what tests leave behind when they are killed themselves: a small shell waits until our end of its pipe is
//! closed, which the operating system does in any case.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Kills the programs that are noted in $1/pids and the Postgres in $1/postgres, if they are still those, and removes $1;
/// of one that shall be kept the logs stay.
const SCRIPT: &str = r#"
read -r _
ours() { tr '\0' ' ' < "/proc/$1/cmdline" 2>/dev/null | grep -qF "$2"; }
for file in "$1"/pids/*; do
    pid=$(cat "$file" 2>/dev/null) || continue
    ours "$pid" "$1" && kill -9 "$pid"
done
pid=$(head -n 1 "$1/postgres/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && ours "$pid" "$1"; then
    kill -INT "$pid"
    for _ in $(seq 300); do ours "$pid" "$1" || break; sleep 0.1; done
fi
if [ -e "$1/keep" ]; then
    rm -rf "$1/keep" "$1/pids" "$1/postgres" "$1/server"*
else
    rm -rf "$1"
fi
"#;

/// Does its work when it is dropped, or when this process ends.
#[derive(Debug)]
pub struct Guardian(Child);

impl Guardian {
    /// Watches over a directory.
    pub fn over(directory: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "berth-stack-guardian"]).arg(directory);
        // A group of its own: it must outlive a Ctrl-C that ends the tests, to clean up after them.
        command.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("sh starts"))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}
