//! Every limit of the agent that more than one file needs, with its unit and its reason.

use std::time::Duration;

/// For a short question to Docker. A healthy engine answers in milliseconds; one that takes longer is down for us.
pub const DOCKER_CALL_DEADLINE: Duration = Duration::from_secs(10);
/// For making or starting a container: the engine may have to unpack layers and set up a network on a slow disk.
pub const DOCKER_START_DEADLINE: Duration = Duration::from_secs(60);
/// On top of the grace for stopping: the engine kills, unmounts and frees the network.
pub const DOCKER_STOP_MARGIN: Duration = Duration::from_secs(20);
/// For one ping. Shorter than a heartbeat, so that a hung engine is reported with the next one.
pub const DOCKER_PING_DEADLINE: Duration = Duration::from_secs(3);
/// Between two pings.
pub const DOCKER_PING_PERIOD: Duration = Duration::from_secs(2);
/// A pull or load without any sign of life for this long has failed. Large layers report progress all the time.
pub const PULL_IDLE_DEADLINE: Duration = Duration::from_secs(120);
/// Between two looks at everything, when nothing happens: heals what a lost event left behind.
pub const RECONCILE_PERIOD: Duration = Duration::from_secs(10);
/// Changes within this time go into one report: a start and its readiness are often one.
pub const REPORT_DELAY: Duration = Duration::from_millis(5);
/// The same for what can wait: progress of a pull, a probe's last words.
pub const REPORT_DELAY_MINOR: Duration = Duration::from_millis(500);
/// A report that is not acknowledged is sent again after this long.
pub const REPORT_RESEND: Duration = Duration::from_secs(5);
/// A report is sent after this long even when nothing changed.
pub const REPORT_PERIOD: Duration = Duration::from_secs(30);
/// Events that wait for an acknowledgement; of more the oldest are dropped, as an hour without a server must not eat
/// the node's memory.
pub const EVENTS_MAX: usize = 1_000;
/// Longest sentence in a report, in bytes. Engines put whole command lines into their errors.
pub const MESSAGE_BYTES_MAX: usize = 1_024;
/// Logs and terminals that are open at the same time.
pub const TUNNELS_MAX: usize = 64;
/// Inspections that run at the same time, when an agent adopts what it finds.
pub const INSPECTIONS_MAX: usize = 8;
/// Launches that run at the same time: more only makes the engine's own locks longer to wait for.
pub const LAUNCHES_MAX: usize = 16;
/// How long a container that began keeps the processor time it was started with.
pub const CONFINE_DELAY: Duration = Duration::from_secs(1);
/// Containers that are brought down to their share at the same time: it can wait, and must not slow down launches.
pub const CONFINES_MAX: usize = 1;
/// Environments and ports that spare sandboxes are kept for: each is a container more, of some 4 MB.
pub const SPARE_KEYS_MAX: usize = 8;
/// Spare sandboxes of each kind.
pub const SPARES_MAX: usize = 32;
/// No sandbox is prepared for this long after a launch: what was started reads itself and answers its first requests.
pub const PREPARE_DELAY: Duration = Duration::from_secs(2);
/// A sandbox that could not be prepared is tried again after this long.
pub const PREPARE_RETRY: Duration = Duration::from_secs(30);
/// Digests and names in a node's facts.
pub const FACT_IMAGES_MAX: usize = 2_000;
/// Ports in a node's facts.
pub const FACT_PORTS_MAX: usize = 1_000;
/// Longest line of a log, in bytes; the rest of the line is cut.
pub const LOG_LINE_BYTES_MAX: usize = 16 * 1024;

/// `text` cut to [`MESSAGE_BYTES_MAX`] at a character's boundary.
pub fn cut(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=MESSAGE_BYTES_MAX).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    format!("{}…", &text[..end])
}
