//! Checks of single fields of an app spec. Each pushes what it finds, so that a person sees all of it at once.

use super::Port;
use crate::{
    field_error::{FieldCode, FieldError},
    limit,
    quantity::bounded,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check_port(field: &str, port: u16, errors: &mut Vec<FieldError>) {
    bounded(field, port.into(), 1, 65_535, errors);
}

pub(super) fn check_probe_path(path: &str, errors: &mut Vec<FieldError>) {
    let field = "readiness.check.path";
    if !path.starts_with('/') {
        errors.push(FieldError::new(field, FieldCode::BadFormat, "a path starts with /"));
    } else if path.len() > limit::PROBE_PATH_BYTES_MAX {
        errors.push(
            FieldError::new(field, FieldCode::TooLong, format!("at most {} bytes", limit::PROBE_PATH_BYTES_MAX))
                .limit(limit::PROBE_PATH_BYTES_MAX as u64),
        );
    } else if let Some(c) = path.chars().find(|c| !c.is_ascii_graphic()) {
        // Anything else would let a path forge headers of the probe's request.
        errors.push(
            FieldError::new(field, FieldCode::BadCharacter, "only visible ASCII; escape the rest with %")
                .found(c.escape_default().to_string()),
        );
    }
}

pub(super) fn check_command(words: &[String], errors: &mut Vec<FieldError>) {
    if words.len() > limit::COMMAND_WORDS_MAX {
        errors.push(
            FieldError::new("command", FieldCode::TooMany, format!("at most {} words", limit::COMMAND_WORDS_MAX))
                .limit(limit::COMMAND_WORDS_MAX as u64),
        );
    }
    for (i, word) in words.iter().enumerate() {
        check_value(&format!("command[{i}]"), word, limit::COMMAND_WORD_BYTES_MAX, errors);
    }
}

pub(super) fn check_env(env: &BTreeMap<String, String>, errors: &mut Vec<FieldError>) {
    if env.len() > limit::ENV_VARS_MAX {
        errors.push(
            FieldError::new("env", FieldCode::TooMany, format!("at most {} variables", limit::ENV_VARS_MAX))
                .limit(limit::ENV_VARS_MAX as u64),
        );
    }
    for (name, value) in env {
        let field = format!("env.{name}");
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if name.is_empty() {
            errors.push(FieldError::new("env", FieldCode::Required, "a variable needs a name"));
        } else if !starts || !clean {
            errors.push(FieldError::new(
                &field,
                FieldCode::BadFormat,
                "a variable's name starts with a letter or _ and has letters, digits, _ . and - only",
            ));
        } else if name.len() > limit::ENV_NAME_BYTES_MAX {
            errors.push(
                FieldError::new(&field, FieldCode::TooLong, format!("at most {} bytes", limit::ENV_NAME_BYTES_MAX))
                    .limit(limit::ENV_NAME_BYTES_MAX as u64),
            );
        }
        check_value(&field, value, limit::ENV_VALUE_BYTES_MAX, errors);
    }
}

pub(super) fn check_value(field: &str, value: &str, bytes_max: usize, errors: &mut Vec<FieldError>) {
    if value.len() > bytes_max {
        errors.push(
            FieldError::new(field, FieldCode::TooLong, format!("at most {bytes_max} bytes")).limit(bytes_max as u64),
        );
    }
    if value.contains('\0') {
        errors.push(FieldError::new(field, FieldCode::BadCharacter, "the kernel ends a string at NUL").found("\\0"));
    }
}

pub(super) fn check_ports(ports: &[Port], errors: &mut Vec<FieldError>) {
    if ports.len() > limit::PORTS_MAX {
        errors.push(
            FieldError::new("ports", FieldCode::TooMany, format!("at most {} ports", limit::PORTS_MAX))
                .limit(limit::PORTS_MAX as u64),
        );
    }
    let (mut containers, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for (i, port) in ports.iter().enumerate() {
        check_port(&format!("ports[{i}].container"), port.container, errors);
        let twice = |field: &str, port: u16| {
            FieldError::new(format!("ports[{i}].{field}"), FieldCode::Duplicate, format!("{port} is there twice"))
                .found(port.to_string())
        };
        if !containers.insert(port.container) {
            errors.push(twice("container", port.container));
        }
        if let Some(host) = port.host {
            check_port(&format!("ports[{i}].host"), host, errors);
            if !hosts.insert(host) {
                errors.push(twice("host", host));
            }
        }
    }
}
