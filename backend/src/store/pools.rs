//! Two pools with one login and two roles: `berth_app` sees only the tenant that its transaction named, `berth_system`
//! sees all. Neither owns a table, so row-level security binds both.

use super::StoreError;
use crate::clock::{Clock, Ids};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr as _, sync::Arc, time::Duration};

/// Longest wait for a connection: a caller is told to come back rather than kept.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that rested this long is asked whether it still lives before it is used.
const CHECK_AFTER_IDLE: Duration = Duration::from_secs(2);
/// What every connection starts with: no statement, lock or open transaction may hold others up for long.
const SESSION_LIMITS: &str =
    "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'";

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// The database.
#[derive(Clone)]
pub struct Store {
    pub(super) app: PgPool,
    pub(super) system: PgPool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
}

impl Store {
    /// Makes the pools; connects when a connection is first needed.
    pub fn new(
        database_url: &SecretString,
        connections: u32,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(database_url.expose_secret())?.application_name("berth-server");
        Ok(Self {
            app: pool(&options, connections, "SET ROLE berth_app"),
            system: pool(&options, connections, "SET ROLE berth_system"),
            clock,
            ids,
        })
    }

    /// Brings the schema up to date, as the login itself. Servers that start together wait for each other.
    pub async fn migrate(database_url: &SecretString) -> Result<(), MigrateError> {
        let mut connection = sqlx::PgConnection::connect(database_url.expose_secret()).await?;
        MIGRATIONS.run(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.system).await?;
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.app.close().await;
        self.system.close().await;
    }

    /// The options of a connection of its own, for listening: it must not be one of a pool.
    pub(crate) fn listen_pool(&self) -> &PgPool {
        &self.system
    }
}

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database does not answer, or refused the login.
    #[error("cannot connect to the database")]
    Connect(#[from] sqlx::Error),
    /// A migration failed or was changed after it ran.
    #[error("cannot bring the schema up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

fn pool(options: &PgConnectOptions, connections: u32, role: &'static str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                // One round trip more per request would be paid for nothing while there is traffic.
                Ok(about.idle_for < CHECK_AFTER_IDLE || connection.ping().await.is_ok())
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(SESSION_LIMITS).execute(&mut *connection).await?;
                sqlx::raw_sql(role).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options.clone())
}
