//! Exports that are whole, and a thousand ways to tamper with one.

use super::*;
use crate::{checkpoint::Signer, export::Head};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::json;

const TENANT: Uuid = Uuid::from_u128(0xac3e);
const ROWS: i64 = 40;
/// A checkpoint after every so many rows, as an installation leaves one every minute.
const EVERY: i64 = 13;

fn signer() -> Signer {
    Signer::new(&[7; 32])
}

fn at(sequence: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_764_000_000_000_000 + sequence * 1_000_003).expect("a time")
}

/// A row that says something, linked to the one before.
fn row(sequence: i64, previous: Sha256Hash) -> Row {
    let number = u128::try_from(sequence).expect("positive");
    let mut row = Row {
        sequence,
        id: Uuid::from_u128(number << 64),
        tenant: Some(TENANT),
        at: at(sequence),
        actor_id: (sequence % 5 != 0).then_some(Uuid::from_u128(17)),
        actor: "ada@example.org".to_owned(),
        action: "app.scale".to_owned(),
        target: format!("acme/shop/production/web-{sequence}"),
        target_id: Some(Uuid::from_u128(number)),
        result: if sequence % 9 == 0 { "denied" } else { "done" }.to_owned(),
        request_id: Uuid::from_u128(number << 32),
        source: "203.0.113.7".to_owned(),
        before: (sequence % 3 == 0).then(|| json!({"replicas": sequence, "env": {"A": "b", "数": "值"}})),
        after: Some(json!({"replicas": sequence + 1, "note": null, "ports": [80, 443]})),
        previous_sha256: previous,
        sha256: Sha256Hash::ZERO,
    };
    row.sha256 = row.hash();
    row
}

/// A trail with checkpoints in between, the last at its end.
fn trail(from: i64, to: i64) -> Vec<Line> {
    let head = Head { format: FORMAT.to_owned(), tenant: Some(TENANT), from, to, key: signer().public_key() };
    let mut lines = vec![Line::Head(head)];
    let mut previous = Sha256Hash::ZERO;
    for sequence in 1..=to {
        let row = row(sequence, previous);
        previous = row.sha256;
        if sequence < from {
            continue;
        }
        lines.push(Line::Row(Box::new(row)));
        if sequence % EVERY == 0 {
            lines.push(Line::Checkpoint(signer().sign(Some(TENANT), sequence, previous, at(sequence))));
        }
    }
    lines.push(Line::Checkpoint(signer().sign(Some(TENANT), to, previous, at(to + 1))));
    lines
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(Line::to_text).collect()
}

fn check(text: &str) -> Result<Verified, Fault> {
    verify(text, &signer().public_key())
}

#[test]
fn a_whole_export_is_verified() {
    let verified = check(&text(&trail(1, ROWS))).expect("whole");
    assert_eq!((verified.rows(), verified.signed_at), (ROWS, at(ROWS + 1)));
    assert_eq!(verified.checkpoints, u64::try_from(ROWS / EVERY + 1).expect("positive"));
    assert_eq!(check(&text(&trail(1, 0))).expect("nobody did anything").rows(), 0);
}

#[test]
fn what_is_no_export_is_refused() {
    let what = |text: &str| check(text).expect_err("refused").what;
    assert_eq!(what(""), Wrong::Empty);
    assert!(matches!(what("{}"), Wrong::Unreadable(_)));
    assert!(matches!(what("\n"), Wrong::Unreadable(_)));
    let lines = trail(1, 3);
    assert_eq!(what(&text(&lines[1..])), Wrong::Misplaced("anything but a head"));
    assert_eq!(what(&text(&trail(20, ROWS))), Wrong::Missing { from: 1, to: 19 }, "its beginning was cut off");
    let other = Signer::new(&[8; 32]).public_key();
    assert!(matches!(verify(&text(&lines), &other).expect_err("refused").what, Wrong::OtherKey { .. }));
}

/// What an attacker without the installation's key does to an export; returns the first line that is wrong, or 0 where
/// it shows only later.
fn tamper(lines: &mut Vec<Line>, random: &mut StdRng) -> (&'static str, u64) {
    let rows: Vec<usize> = (1..lines.len()).filter(|index| matches!(lines[*index], Line::Row(_))).collect();
    let some_row = *rows.choose(random).expect("rows");
    let number = |index: usize| index as u64 + 1;
    match random.random_range(0..9) {
        0 => {
            change(row_of(lines, some_row), random);
            ("a row was changed", number(some_row))
        }
        1 => {
            change(row_of(lines, some_row), random);
            rechain(lines, some_row);
            ("a row was changed and all after it hashed anew", 0)
        }
        2 => {
            lines.remove(some_row);
            ("a row was removed", number(some_row))
        }
        3 => {
            lines.remove(some_row);
            renumber(lines, some_row);
            ("a row was removed and all after it hashed anew", 0)
        }
        4 => {
            let again = lines[some_row].clone();
            lines.insert(some_row + 1, again);
            ("a row was doubled", number(some_row + 1))
        }
        5 => {
            let other =
                *rows.iter().filter(|index| **index != some_row).collect::<Vec<_>>().choose(random).expect("rows");
            lines.swap(some_row, *other);
            ("two rows were exchanged", number(some_row.min(*other)))
        }
        6 => {
            lines.truncate(some_row);
            ("the tail was cut off", number(some_row))
        }
        7 => {
            // Cut where nothing was signed, and a head that promises no more.
            let ends_unsigned = |index: &&usize| matches!(lines[**index + 1], Line::Row(_));
            let last = **rows.iter().filter(ends_unsigned).collect::<Vec<_>>().choose(random).expect("rows");
            lines.truncate(last + 1);
            let to = row_of(lines, last).sequence;
            if let Line::Head(head) = &mut lines[0] {
                head.to = to;
            }
            ("the tail was cut off and the head agrees", number(last + 1))
        }
        _ => {
            // Everything written anew with a key of one's own.
            let own = Signer::new(&random.random());
            change(row_of(lines, some_row), random);
            rechain(lines, some_row);
            let mut last = (0, Sha256Hash::ZERO);
            for line in lines.iter_mut() {
                match line {
                    Line::Row(row) => last = (row.sequence, row.sha256),
                    Line::Checkpoint(checkpoint) => *checkpoint = own.sign(Some(TENANT), last.0, last.1, checkpoint.at),
                    Line::Head(_) => {}
                }
            }
            ("a row was changed and everything signed with another key", 0)
        }
    }
}

fn row_of(lines: &mut [Line], index: usize) -> &mut Row {
    match &mut lines[index] {
        Line::Row(row) => row,
        other => panic!("no row: {other:?}"),
    }
}

/// Changes one thing that a row says.
fn change(row: &mut Row, random: &mut StdRng) {
    match random.random_range(0..13) {
        0 => row.id = Uuid::from_u128(random.random()),
        1 => row.tenant = random.random::<bool>().then_some(Uuid::from_u128(random.random())),
        2 => row.at += chrono::TimeDelta::microseconds(random.random_range(1..1_000_000)),
        3 => row.actor_id = row.actor_id.is_none().then_some(Uuid::from_u128(random.random())),
        4 => row.actor.push('x'),
        5 => row.action = "app.delete".to_owned(),
        6 => row.target = row.target.replace("production", "dev"),
        7 => row.target_id = None,
        8 => row.result = if row.result == "done" { "denied" } else { "done" }.to_owned(),
        9 => row.request_id = Uuid::from_u128(random.random()),
        10 => row.source = "198.51.100.9".to_owned(),
        11 => row.before = row.before.is_none().then(|| json!({"replicas": 0})),
        _ => row.after = Some(json!({"replicas": 0})),
    }
}

/// Hashes a row and all after it anew.
fn rechain(lines: &mut [Line], from: usize) {
    let before = lines[..from].iter().rev().find_map(|line| match line {
        Line::Row(row) => Some(row.sha256),
        _ => None,
    });
    let mut previous = before.unwrap_or(Sha256Hash::ZERO);
    for line in &mut lines[from..] {
        match line {
            Line::Row(row) => {
                row.previous_sha256 = previous;
                row.sha256 = row.hash();
                previous = row.sha256;
            }
            // Its hash can be set right, its signature cannot.
            Line::Checkpoint(checkpoint) => checkpoint.sha256 = previous,
            Line::Head(_) => {}
        }
    }
}

/// Moves all rows from an index on one place forward.
fn renumber(lines: &mut [Line], from: usize) {
    for line in lines.iter_mut().skip(from) {
        match line {
            Line::Row(row) => row.sequence -= 1,
            Line::Checkpoint(checkpoint) => checkpoint.sequence -= 1,
            Line::Head(_) => {}
        }
    }
    if let Line::Head(head) = &mut lines[0] {
        head.to -= 1;
    }
    rechain(lines, from);
}

#[test]
fn a_thousand_random_tamperings_are_all_found_with_the_place() {
    let whole = trail(1, ROWS);
    for seed in 0..1_000 {
        let random = &mut StdRng::seed_from_u64(seed);
        let mut lines = whole.clone();
        let (what, line) = tamper(&mut lines, random);
        match check(&text(&lines)) {
            Ok(_) => panic!("seed {seed}: {what}, and nobody noticed"),
            Err(fault) => {
                assert!(line == 0 || fault.line == line, "seed {seed}: {what} in line {line}, found: {fault}")
            }
        }
    }
}

#[test]
fn a_thousand_random_changes_of_a_byte_are_all_found_with_the_place() {
    let whole = text(&trail(1, ROWS));
    for seed in 0..1_000 {
        let random = &mut StdRng::seed_from_u64(seed);
        let mut bytes = whole.clone().into_bytes();
        let index = random.random_range(0..bytes.len() - 1);
        let byte = loop {
            let byte: u8 = random.random_range(b' '..=b'~');
            if byte != bytes[index] {
                break byte;
            }
        };
        let line = 1 + whole.as_bytes()[..index].iter().filter(|b| **b == b'\n').count() as u64;
        bytes[index] = byte;
        // A byte within a character of several leaves no text.
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        match check(&changed) {
            Ok(_) => panic!("seed {seed}: byte {index} became {byte}, and nobody noticed"),
            // What the head says wrongly may show only at the rows.
            Err(fault) => assert!(line == 1 || fault.line == line, "seed {seed}: line {line}, found: {fault}"),
        }
    }
}

#[test]
fn what_was_signed_and_kept_elsewhere_finds_what_a_stolen_key_hides() {
    let kept: Vec<_> = trail(1, ROWS)
        .into_iter()
        .filter_map(|line| match line {
            Line::Checkpoint(checkpoint) => Some(checkpoint),
            _ => None,
        })
        .collect();
    let check = |lines: &[Line]| {
        let mut verifier = Verifier::new(signer().public_key()).with_checkpoints(Some(TENANT), kept.clone());
        lines.iter().try_for_each(|line| verifier.check(line))?;
        verifier.end()
    };
    check(&trail(1, ROWS)).expect("whole");
    check(&trail(1, ROWS + 5)).expect("it grew since");
    let what = check(&trail(1, ROWS - 1)).expect_err("signed rows are missing").what;
    assert_eq!(what, Wrong::CutOffBefore { expected: ROWS, found: ROWS - 1 });
    // Row 2 changed and everything after it hashed and signed anew, with the installation's own key.
    let mut lines = trail(1, ROWS);
    row_of(&mut lines, 2).actor = "eve@example.org".to_owned();
    rechain(&mut lines, 2);
    for line in &mut lines {
        if let Line::Checkpoint(checkpoint) = line {
            *checkpoint = signer().sign(Some(TENANT), checkpoint.sequence, checkpoint.sha256, checkpoint.at);
        }
    }
    verify(&text(&lines), &signer().public_key()).expect("the file alone says nothing");
    assert_eq!(check(&lines).expect_err("the kept checkpoints do").what, Wrong::Elsewhere(EVERY));
    // Also when what was written anew was signed and kept as well, before or after.
    for order in [[&kept[..], &signed_anew(&lines)[..]].concat(), [&signed_anew(&lines)[..], &kept[..]].concat()] {
        let mut verifier = Verifier::new(signer().public_key()).with_checkpoints(Some(TENANT), order);
        let found = lines.iter().try_for_each(|line| verifier.check(line)).expect_err("they disagree");
        assert_eq!(found.what, Wrong::Elsewhere(EVERY));
    }
    // And when it was signed with another key: it is the key that was exchanged.
    let other = Signer::new(&[9; 32]);
    for line in &mut lines {
        match line {
            Line::Head(head) => head.key = other.public_key(),
            Line::Checkpoint(one) => *one = other.sign(Some(TENANT), one.sequence, one.sha256, one.at),
            Line::Row(_) => {}
        }
    }
    let mut verifier = Verifier::new(other.public_key()).with_checkpoints(Some(TENANT), kept.clone());
    let found = lines.iter().try_for_each(|line| verifier.check(line)).expect_err("another key");
    assert!(matches!(found.what, Wrong::OtherKey { .. }), "{found}");
}

fn signed_anew(lines: &[Line]) -> Vec<Checkpoint> {
    let checkpoint = |line: &Line| match line {
        Line::Checkpoint(checkpoint) => Some(checkpoint.clone()),
        _ => None,
    };
    lines.iter().filter_map(checkpoint).collect()
}

#[test]
fn what_would_give_the_same_hash_is_found_too() {
    let whole = text(&trail(1, 3));
    let at = at(2).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    assert!(whole.contains(&at), "{whole}");
    // A time between two microseconds, another spelling of the same value, a line's other end.
    let finer = at.replace('Z', "001Z");
    for (from, to) in
        [(at.as_str(), finer.as_str()), ("[80,443]", "[80, 443]"), ("\"done\"", "\"d\\u006fne\""), ("}\n", "}\r\n")]
    {
        let fault = check(&whole.replacen(from, to, 1)).expect_err(to);
        assert!(fault.line <= 4, "{fault}");
    }
    let mut leap = row(1, Sha256Hash::ZERO);
    leap.at = "2026-12-31T23:59:60Z".parse().expect("a leap second");
    leap.sha256 = leap.hash();
    assert!(!leap.holds(), "the second after it has the same hash");
}
