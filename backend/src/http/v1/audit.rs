//! Audit trails: read, checked, taken away as a proof (lines of JSON) or as a table (CSV).

use crate::{
    authz::{
        action::audit::{
            Check as CheckTenant, CheckPlatform, Checks, Export, ExportPlatform, Exports, Read, ReadPlatform, Reads,
        },
        permit::Permit,
    },
    http::{
        error::Failure,
        input::{Query, State},
        page,
        reply::{Download, FileKind, Found, download},
    },
    service::{
        audit::{self as trails, Entry, Filter, Outcome, Walk},
        error::Error,
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::audit::{AUDIT_EXPORT_MEDIA_TYPE, AUDIT_TABLE_MEDIA_TYPE, AuditCheckView, AuditQuery, AuditView},
};
use berth_audit::export::Line;
use berth_domain::id::{AuditId, RequestId};
use bytes::Bytes;
use futures::Stream;

/// Longest text of a filter, in characters.
const FILTER_CHARS_MAX: usize = 200;

/// A tenant's trail, the newest first.
pub async fn list(
    permit: Permit<Read>,
    app: State,
    Query(query): Query<AuditQuery>,
) -> Result<Found<Page<AuditView>>, Failure> {
    page_of(&permit, &app, query).await
}

/// The platform's trail, the newest first.
pub async fn list_platform(
    permit: Permit<ReadPlatform>,
    app: State,
    Query(query): Query<AuditQuery>,
) -> Result<Found<Page<AuditView>>, Failure> {
    page_of(&permit, &app, query).await
}

/// All of a tenant's trail, as a proof.
pub async fn export(permit: Permit<Export>, app: State) -> Result<Download<Proof>, Failure> {
    proof(permit, app).await
}

/// All of the platform's trail, as a proof.
pub async fn export_platform(permit: Permit<ExportPlatform>, app: State) -> Result<Download<Proof>, Failure> {
    proof(permit, app).await
}

/// Rows of a tenant's trail, as a table.
pub async fn table(
    permit: Permit<Export>,
    app: State,
    Query(query): Query<AuditQuery>,
) -> Result<Download<Table>, Failure> {
    table_of(permit, app, query).await
}

/// Rows of the platform's trail, as a table.
pub async fn table_platform(
    permit: Permit<ExportPlatform>,
    app: State,
    Query(query): Query<AuditQuery>,
) -> Result<Download<Table>, Failure> {
    table_of(permit, app, query).await
}

/// Whether a tenant's trail is whole.
pub async fn check(permit: Permit<CheckTenant>, app: State) -> Result<Found<AuditCheckView>, Failure> {
    check_of(&permit, &app).await
}

/// Whether the platform's trail is whole.
pub async fn check_platform(permit: Permit<CheckPlatform>, app: State) -> Result<Found<AuditCheckView>, Failure> {
    check_of(&permit, &app).await
}

/// What is downloaded as a proof.
pub enum Proof {}
impl FileKind for Proof {
    const MEDIA_TYPE: &'static str = AUDIT_EXPORT_MEDIA_TYPE;
    const DESCRIPTION: &'static str =
        "A head, the rows from the oldest on, and signed checkpoints, a line of JSON each";
}

/// What is downloaded as a table.
pub enum Table {}
impl FileKind for Table {
    const MEDIA_TYPE: &'static str = AUDIT_TABLE_MEDIA_TYPE;
    const DESCRIPTION: &'static str = "Rows from the newest on, with headings";
}

async fn page_of<A: Reads>(
    permit: &Permit<A>,
    app: &State,
    query: AuditQuery,
) -> Result<Found<Page<AuditView>>, Failure> {
    let (filter, page) = parse(query)?;
    let rows = trails::list(app, permit, &filter, page::request(&page)?).await?;
    Ok(Found(page::view(rows, view)))
}

async fn proof<A: Exports>(permit: Permit<A>, app: State) -> Result<Download<Proof>, Failure> {
    let walk = trails::export(&app, &permit).await?;
    let name = file_name(&permit, &app, "ndjson");
    Ok(download(&name, lines(permit, app, walk)))
}

fn lines<A: Exports>(permit: Permit<A>, app: State, mut walk: Walk) -> impl Stream<Item = Result<Bytes, Error>> {
    async_stream::stream! {
        yield Ok(Bytes::from(walk.head().to_text()));
        loop {
            match walk.next(&app, &permit).await {
                Ok(Some(part)) => yield Ok(part.iter().map(Line::to_text).collect::<String>().into()),
                Ok(None) => return,
                // What was sent already cannot be called back: the answer breaks off, and its check says where.
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
    }
}

async fn table_of<A: Exports>(permit: Permit<A>, app: State, query: AuditQuery) -> Result<Download<Table>, Failure> {
    if query.cursor.is_some() || query.limit.is_some() {
        return Err(Failure::malformed("a table has no pages: leave cursor and limit out"));
    }
    let (filter, _) = parse(query)?;
    let first = trails::table(&app, &permit, &filter).await?;
    let name = file_name(&permit, &app, "csv");
    Ok(download(&name, rows(permit, app, filter, first)))
}

fn rows<A: Exports>(
    permit: Permit<A>,
    app: State,
    filter: Filter,
    first: Vec<Entry>,
) -> impl Stream<Item = Result<Bytes, Error>> {
    async_stream::stream! {
        yield table_text(&[HEADINGS.map(str::to_owned)]);
        let mut part = first;
        while let Some(last) = part.last().map(|row| row.sequence) {
            yield table_text(&part.into_iter().map(cells).collect::<Vec<_>>());
            match trails::list_for_table(&app, &permit, &filter, Some(last)).await {
                Ok(next) => part = next,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
    }
}

const HEADINGS: [&str; 11] =
    ["sequence", "at", "actor", "action", "target", "result", "source", "request", "before", "after", "sha256"];

fn cells(row: Entry) -> [String; 11] {
    let json = |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
    let cells = [
        row.sequence.to_string(),
        row.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        row.actor,
        row.action,
        row.target,
        row.result,
        row.source,
        RequestId::new(row.request_id).to_string(),
        json(row.before),
        json(row.after),
        row.sha256.to_string(),
    ];
    cells.map(without_formula)
}

/// Spreadsheets compute what begins like this, and what is in a trail was typed by others.
fn without_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

fn table_text(rows: &[[String; 11]]) -> Result<Bytes, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = rows.iter().try_for_each(|row| writer.write_record(row));
    written.map_err(|error| Error::Fault(error.into()))?;
    let text = writer.into_inner().map_err(|error| Error::Fault(anyhow::anyhow!("{error}")))?;
    Ok(text.into())
}

fn file_name<A: Exports>(permit: &Permit<A>, app: &State, ending: &str) -> String {
    use crate::authz::scope::Scope as _;
    let whose = permit.scope().tenant().map_or("platform", |tenant| tenant.name.as_str());
    format!("audit-{whose}-{}.{ending}", app.clock.now().format("%Y%m%d-%H%M%S"))
}

async fn check_of<A: Checks>(permit: &Permit<A>, app: &State) -> Result<Found<AuditCheckView>, Failure> {
    let check = trails::check(app, permit).await?;
    let wrong = check.broken.as_ref().map(|(_, wrong)| wrong);
    Ok(Found(AuditCheckView {
        whole: wrong.is_none(),
        from: check.from,
        to: check.to,
        checkpoints: check.checkpoints,
        signed_at: check.signed_at,
        fault: wrong.map(|wrong| wrong.code().to_owned()),
        message: wrong.map(ToString::to_string),
        key: check.key,
        broken_at: check.broken.map(|(at, _)| at),
    }))
}

fn parse(query: AuditQuery) -> Result<(Filter, PageQuery), Failure> {
    let AuditQuery { cursor, limit, actor, action, target, result, since, until } = query;
    let text = |name: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
        // Postgres takes no NUL in texts.
        Some(text) if text.chars().count() > FILTER_CHARS_MAX || text.contains('\0') => {
            Err(Failure::malformed(format!("{name} is a text of at most {FILTER_CHARS_MAX} characters")))
        }
        text => Ok(text),
    };
    let result = match text("result", result)? {
        Some(word) => {
            Some(Outcome::from_word(&word).ok_or_else(|| Failure::malformed("result must be done, denied or failed"))?)
        }
        None => None,
    };
    let filter = Filter {
        actor: text("actor", actor)?,
        action: text("action", action)?,
        target: text("target", target)?,
        result,
        since,
        until,
    };
    Ok((filter, PageQuery { cursor, limit }))
}

fn view(row: Entry) -> AuditView {
    AuditView {
        id: AuditId::new(row.id),
        sequence: row.sequence,
        at: row.at,
        actor: row.actor,
        action: row.action,
        target: row.target,
        result: row.result,
        request_id: RequestId::new(row.request_id).to_string(),
        source: row.source,
        before: row.before,
        after: row.after,
        sha256: row.sha256.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_formula;

    #[test]
    fn what_a_spreadsheet_would_compute_is_text() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            assert_eq!(without_formula(cell.to_owned()), format!("'{cell}"));
        }
        assert_eq!(without_formula("acme/shop".to_owned()), "acme/shop");
    }
}
