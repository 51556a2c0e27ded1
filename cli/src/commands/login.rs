//! `berth login`, `logout` and `use`: what is remembered between commands. No browser is needed.

use crate::{
    client::{api::Api, place::Place, profile},
    exit::{Exit, code_of, ended},
    output,
};
use anyhow::{Context, Result};
use berth_api_types::{
    path,
    v1::{
        projects::ProjectView,
        session::{CreateTokenBody, CreatedTokenView, MeView, SessionView, SignInBody},
    },
};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use reqwest::Method;
use serde_json::json;
use std::{
    io::{BufRead, IsTerminal, Write},
    process,
};

/// How long a token of `berth login` lasts, in days.
const TOKEN_DAYS: u32 = 90;

/// What shells expect of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// How to sign in.
#[derive(Debug, clap::Args)]
pub struct LoginFlags {
    /// The server's address [default: http://127.0.0.1:7800]
    address: Option<String>,
    /// Sign in with e-mail and password, which is asked for or read from standard input
    #[arg(long)]
    email: Option<String>,
}

/// Signs in and remembers it.
pub async fn login(mut place: Place, flags: LoginFlags) -> Result<()> {
    if flags.address.is_some() {
        place.flags.server = flags.address;
    }
    let server = place.server();
    let (token, token_id) = match place.flags.token.take() {
        Some(token) => (token, None),
        None => {
            let created = sign_in(&server, flags.email).await?;
            let id = created.token.id.to_string();
            (created.secret, Some(id))
        }
    };
    let api = Api::new(&server, Some(&token))?;
    let me: MeView = api.get(&path::me()).await?;
    if place.profile.server.as_deref() != Some(server.as_str()) {
        place.profile = profile::Profile::default();
    }
    place.profile.server = Some(server.clone());
    place.profile.token = Some(token);
    place.profile.token_id = token_id;
    choose_only(&api, &me, &mut place.profile).await?;
    place.profile.save(&profile::path()?)?;
    let signed_in = format!("Signed in to {server} as {} ({}).", me.display_name, me.email);
    let (tenant, project, environment) = (&place.profile.tenant, &place.profile.project, &place.profile.environment);
    let working = match (tenant, project, environment) {
        (Some(tenant), Some(project), Some(environment)) => format!("Working in {tenant}/{project}/{environment}."),
        _ => "Choose where to work: berth use TENANT/PROJECT/ENVIRONMENT".to_owned(),
    };
    let facts = json!({ "server": server, "email": me.email, "display_name": me.display_name, "tenant": tenant,
        "project": project, "environment": environment });
    output::done(place.flags.json, format!("{signed_in}\n{working}"), &facts)
}

/// Forgets the token, here and on the server.
pub async fn logout(mut place: Place) -> Result<()> {
    let revoked = match (place.api(), place.profile.token_id.as_deref().and_then(|id| id.parse().ok())) {
        (Ok(api), Some(id)) => api.delete(&path::my_token(id)).await,
        _ => Ok(()),
    };
    // Forgotten here whatever the server says: who signs out wants this machine to know nothing.
    place.profile.token = None;
    place.profile.token_id = None;
    place.profile.save(&profile::path()?)?;
    match revoked {
        // One that has run out or was revoked is gone already.
        Err(error) if !matches!(code_of(&error), Exit::Denied | Exit::NotFound) => {
            Err(error
                .context("the token is forgotten here, but it is still good: revoke it in the console (My account)"))
        }
        _ => output::done(place.flags.json, "Signed out.", &json!({ "server": place.server(), "signed_out": true })),
    }
}

/// Remembers where to work.
pub async fn choose(mut place: Place, scope: &str) -> Result<()> {
    let names: Vec<&str> = scope.split('/').collect();
    let [tenant, project, environment] = names[..] else {
        return Err(ended(Exit::Refused, "write it as TENANT/PROJECT/ENVIRONMENT"));
    };
    let found: ProjectView = place.api()?.get(&path::project(tenant, project)).await?;
    if !found.environments.iter().any(|known| known.name == environment) {
        let known: Vec<&str> = found.environments.iter().map(|known| known.name.as_str()).collect();
        return Err(ended(Exit::NotFound, format!("{tenant}/{project} has the environments {}", known.join(", "))));
    }
    place.profile.tenant = Some(tenant.into());
    place.profile.project = Some(project.into());
    place.profile.environment = Some(environment.into());
    place.profile.save(&profile::path()?)?;
    let facts = json!({ "tenant": tenant, "project": project, "environment": environment });
    output::done(place.flags.json, format!("Working in {scope}."), &facts)
}

/// Trades e-mail and password for a token; the session is not kept.
async fn sign_in(server: &str, email: Option<String>) -> Result<CreatedTokenView> {
    let email = match email {
        Some(email) => email,
        None => ask("E-mail: ", Echo::Shown).await?,
    };
    let password = ask("Password: ", Echo::Hidden).await?;
    let api = Api::new(server, None)?;
    let _: SessionView = api.send_json(Method::POST, &path::session(), &SignInBody { email, password }).await?;
    let name = format!("berth login on {}", host_name());
    let created = api.send_json(Method::POST, &path::my_tokens(), &CreateTokenBody { name, days: TOKEN_DAYS }).await?;
    api.delete(&path::session()).await?;
    Ok(created)
}

/// Where there is but one tenant, project or environment, nobody has to choose.
async fn choose_only(api: &Api, me: &MeView, profile: &mut profile::Profile) -> Result<()> {
    if profile.tenant.is_some() {
        return Ok(());
    }
    let [tenant] = &me.tenants[..] else { return Ok(()) };
    profile.tenant = Some(tenant.name.clone());
    let projects: Vec<ProjectView> = api.list(&path::projects(&tenant.name)).await?;
    let [project] = &projects[..] else { return Ok(()) };
    profile.project = Some(project.name.clone());
    let first = project.environments.iter().find(|e| e.name == "dev").or(project.environments.first());
    profile.environment = first.map(|environment| environment.name.clone());
    Ok(())
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this machine".into() } else { name.into() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Shown,
    Hidden,
}

/// A terminal that does not show what is typed, until it is dropped.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> Result<Self> {
        let stdin = std::io::stdin();
        let shown = tcgetattr(&stdin).context("reading the terminal's settings")?;
        let mut hidden = shown.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&stdin, SetArg::TCSANOW, &hidden).context("hiding what is typed")?;
        Ok(Self(shown))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0);
        eprintln!();
    }
}

/// Asks on the terminal; without one the answer is the next line of standard input.
async fn ask(question: &str, echo: Echo) -> Result<String> {
    let mut unseen = None;
    if std::io::stdin().is_terminal() {
        eprint!("{question}");
        std::io::stderr().flush()?;
        unseen = (echo == Echo::Hidden).then(Unseen::begin).transpose()?;
    }
    let reading = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|read| (read, answer))
    });
    let (read, answer) = tokio::select! {
        answer = reading => answer.context("reading the answer failed")??,
        interrupted = tokio::signal::ctrl_c() => {
            // The terminal as it was, before we go: the read itself cannot be called off.
            drop(unseen);
            interrupted.context("listening for Ctrl-C")?;
            process::exit(INTERRUPTED);
        }
    };
    drop(unseen);
    if read == 0 {
        return Err(ended(
            Exit::Refused,
            "nobody answered; give --token, or --email and the password on standard input",
        ));
    }
    Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
}
