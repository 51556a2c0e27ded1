//! Every limit on what people may send, with its unit and its reason.

/// Longest name of a tenant, project, environment or app, in bytes. A DNS label holds 63; an instance's
/// name adds a release number, an ordinal and dashes to it and must still be one label.
pub const NAME_BYTES_MAX: usize = 40;
/// Longest image reference, in bytes: registries refuse longer repository names (255) and tags (128).
pub const IMAGE_REFERENCE_BYTES_MAX: usize = 400;
/// Most environment variables of one app. A page and a diff stay readable.
pub const ENV_VARS_MAX: usize = 200;
/// Longest name of an environment variable, in bytes.
pub const ENV_NAME_BYTES_MAX: usize = 256;
/// Longest value of an environment variable, in bytes. Linux refuses single strings over 128 KiB; certificates fit in 32.
pub const ENV_VALUE_BYTES_MAX: usize = 32 * 1024;
/// Most ports of one app.
pub const PORTS_MAX: usize = 16;
/// Most words in a command override.
pub const COMMAND_WORDS_MAX: usize = 100;
/// Longest word of a command override, in bytes.
pub const COMMAND_WORD_BYTES_MAX: usize = 4096;
/// Most instances of one app. The console draws a cell for each while a rollout runs.
pub const REPLICAS_MAX: u32 = 1000;
/// Least cpu of an instance, in thousandths of a core: below it the kernel's scheduler rounds to nothing useful.
pub const CPU_MILLI_MIN: u32 = 10;
/// Most cpu of an instance, in thousandths of a core.
pub const CPU_MILLI_MAX: u32 = 256_000;
/// Least memory of an instance, in MiB: Docker refuses less than 6.
pub const MEMORY_MIB_MIN: u32 = 8;
/// Most memory of an instance, in MiB (4 TiB).
pub const MEMORY_MIB_MAX: u32 = 4 * 1024 * 1024;
/// Longest probe path, in bytes.
pub const PROBE_PATH_BYTES_MAX: usize = 1024;
/// Most labels on a node or in a placement rule.
pub const LABELS_MAX: usize = 32;
/// Longest label key or value, in bytes.
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest grace between SIGTERM and SIGKILL, in seconds: a drain must end within a maintenance window.
pub const STOP_GRACE_S_MAX: u32 = 600;
/// Longest time that a rollout waits for one instance to become ready, in seconds.
pub const READY_DEADLINE_S_MAX: u32 = 3600;
