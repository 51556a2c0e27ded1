//! Everything that one can do, as types: a noun is a module, a verb a marker. A route names one; its permit proves it.

use super::scope::{AppScope, EnvironmentScope, PlatformScope, ProjectScope, Scope, SelfScope, TenantScope};
use berth_domain::right::Right;

/// Something that one can do.
pub trait Action: Send + Sync + 'static {
    /// What it applies to.
    type Scope: Scope;
    /// The right that it needs there; none: being signed in is enough.
    const RIGHT: Option<Right>;
    /// `noun.verb`, as in the audit trail.
    const NAME: &'static str;
}

/// Something that needs nobody signed in.
pub trait OpenAction: Send + Sync + 'static {
    /// `noun.verb`.
    const NAME: &'static str;
}

/// Declares the verbs of a noun: `Verb = "noun.verb" on Scope needs Right`.
macro_rules! actions {
    ($($(#[$doc:meta])* $verb:ident = $name:literal on $scope:ty, $right:expr;)*) => {$(
        $(#[$doc])*
        pub enum $verb {}
        impl Action for $verb {
            type Scope = $scope;
            const RIGHT: Option<Right> = $right;
            const NAME: &'static str = $name;
        }
    )*};
}
/// Declares verbs that need nobody signed in.
macro_rules! open {
    ($($(#[$doc:meta])* $verb:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        pub enum $verb {}
        impl OpenAction for $verb {
            const NAME: &'static str = $name;
        }
    )*};
}

/// The installation.
pub mod installation {
    use super::OpenAction;
    open! {
        /// See whether it was set up.
        Read = "installation.read";
        /// Trade the set-up token for the first account.
        SetUp = "installation.set_up";
    }
}

/// Sessions of browsers.
pub mod session {
    use super::*;
    open! {
        /// Sign in.
        SignIn = "session.sign_in";
        /// Trade the refresh cookie for an access token.
        Refresh = "session.refresh";
    }
    actions! {
        /// Sign out.
        SignOut = "session.sign_out" on SelfScope, None;
    }
}

/// The caller's own account.
pub mod me {
    use super::*;
    actions! {
        /// See it.
        Read = "me.read" on SelfScope, None;
        /// Change name or language.
        Update = "me.update" on SelfScope, None;
        /// Change the password.
        ChangePassword = "me.change_password" on SelfScope, None;
    }
}

/// Where the caller is signed in.
pub mod my_session {
    use super::*;
    actions! {
        /// See these.
        List = "session.list" on SelfScope, None;
        /// End one.
        End = "session.end" on SelfScope, None;
        /// End all but this one.
        EndOthers = "session.end_others" on SelfScope, None;
    }
}

/// The caller's personal tokens.
pub mod token {
    use super::*;
    actions! {
        /// See them.
        List = "token.list" on SelfScope, None;
        /// Make one.
        Create = "token.create" on SelfScope, None;
        /// End one.
        Revoke = "token.revoke" on SelfScope, None;
    }
}

/// The platform.
pub mod platform {
    use super::*;
    actions! {
        /// Follow its changes.
        Live = "platform.live" on PlatformScope, Some(Right::NodeRead);
    }
}

/// Nodes.
pub mod node {
    use super::*;
    actions! {
        /// See them all.
        List = "node.list" on PlatformScope, Some(Right::NodeRead);
        /// See one, and what happened on it.
        Read = "node.read" on PlatformScope, Some(Right::NodeRead);
        /// Make a token with which one joins.
        Join = "node.join" on PlatformScope, Some(Right::NodeManage);
        /// Cordon, drain, label.
        Update = "node.update" on PlatformScope, Some(Right::NodeManage);
        /// Remove one.
        Remove = "node.remove" on PlatformScope, Some(Right::NodeManage);
    }
}

/// Tenants.
pub mod tenant {
    use super::*;
    actions! {
        /// See those that the caller may see.
        List = "tenant.list" on SelfScope, None;
        /// Make one.
        Create = "tenant.create" on PlatformScope, Some(Right::TenantManage);
        /// See one with its usage and quota.
        Read = "tenant.read" on TenantScope, Some(Right::TenantRead);
        /// Change its quota.
        SetQuota = "tenant.set_quota" on TenantScope, Some(Right::TenantManage);
        /// Delete one that is empty.
        Delete = "tenant.delete" on TenantScope, Some(Right::TenantManage);
        /// See what happened in it.
        ReadEvents = "tenant.read_events" on TenantScope, Some(Right::ActivityRead);
        /// Follow its changes.
        Live = "tenant.live" on TenantScope, Some(Right::TenantRead);
    }
}

/// Audit trails.
pub mod audit {
    use super::*;
    actions! {
        /// Read a tenant's.
        Read = "audit.read" on TenantScope, Some(Right::AuditRead);
        /// Take a tenant's away, as a whole or as a table.
        Export = "audit.export" on TenantScope, Some(Right::AuditRead);
        /// Check a tenant's.
        Check = "audit.check" on TenantScope, Some(Right::AuditRead);
        /// Read the platform's.
        ReadPlatform = "audit.read_platform" on PlatformScope, Some(Right::PlatformAuditRead);
        /// Take the platform's away.
        ExportPlatform = "audit.export_platform" on PlatformScope, Some(Right::PlatformAuditRead);
        /// Check the platform's.
        CheckPlatform = "audit.check_platform" on PlatformScope, Some(Right::PlatformAuditRead);
    }
    /// Reads a trail: the one of its scope.
    pub trait Reads: Action {}
    impl Reads for Read {}
    impl Reads for ReadPlatform {}
    /// Exports a trail: the one of its scope.
    pub trait Exports: Action {}
    impl Exports for Export {}
    impl Exports for ExportPlatform {}
    /// Checks a trail: the one of its scope.
    pub trait Checks: Action {}
    impl Checks for Check {}
    impl Checks for CheckPlatform {}
}

/// People of a tenant.
pub mod people {
    use super::*;
    actions! {
        /// See them.
        List = "people.list" on TenantScope, Some(Right::PeopleRead);
        /// Add one.
        Add = "people.add" on TenantScope, Some(Right::PeopleManage);
        /// Change a role.
        Update = "people.update" on TenantScope, Some(Right::PeopleManage);
        /// Remove one.
        Remove = "people.remove" on TenantScope, Some(Right::PeopleManage);
        /// See what one may do somewhere, and why.
        Explain = "people.explain" on TenantScope, Some(Right::PeopleRead);
        /// See who has a role at a project.
        ListAtProject = "people.list_at_project" on ProjectScope, Some(Right::PeopleRead);
        /// Give a role at a project.
        GrantAtProject = "people.grant_at_project" on ProjectScope, Some(Right::PeopleManage);
        /// Change a role at a project.
        UpdateAtProject = "people.update_at_project" on ProjectScope, Some(Right::PeopleManage);
        /// Take a role at a project away.
        RevokeAtProject = "people.revoke_at_project" on ProjectScope, Some(Right::PeopleManage);
        /// See who has a role at an environment.
        ListAtEnvironment = "people.list_at_environment" on EnvironmentScope, Some(Right::PeopleRead);
        /// Give a role at an environment.
        GrantAtEnvironment = "people.grant_at_environment" on EnvironmentScope, Some(Right::PeopleManage);
        /// Change a role at an environment.
        UpdateAtEnvironment = "people.update_at_environment" on EnvironmentScope, Some(Right::PeopleManage);
        /// Take a role at an environment away.
        RevokeAtEnvironment = "people.revoke_at_environment" on EnvironmentScope, Some(Right::PeopleManage);
    }
}

/// Projects.
pub mod project {
    use super::*;
    actions! {
        /// See those of a tenant.
        List = "project.list" on TenantScope, Some(Right::ProjectRead);
        /// Make one.
        Create = "project.create" on TenantScope, Some(Right::ProjectCreate);
        /// See one.
        Read = "project.read" on ProjectScope, Some(Right::ProjectRead);
        /// Delete one that is empty.
        Delete = "project.delete" on ProjectScope, Some(Right::ProjectDelete);
    }
}

/// Environments.
pub mod environment {
    use super::*;
    actions! {
        /// See those of a project.
        List = "environment.list" on ProjectScope, Some(Right::ProjectRead);
        /// Make one.
        Create = "environment.create" on ProjectScope, Some(Right::EnvironmentManage);
        /// Delete one that is empty.
        Delete = "environment.delete" on EnvironmentScope, Some(Right::EnvironmentManage);
    }
}

/// Registry credentials.
pub mod credential {
    use super::*;
    actions! {
        /// See them, without passwords.
        List = "credential.list" on ProjectScope, Some(Right::CredentialManage);
        /// Keep some.
        Put = "credential.put" on ProjectScope, Some(Right::CredentialManage);
        /// Delete some.
        Delete = "credential.delete" on ProjectScope, Some(Right::CredentialManage);
    }
}

/// Images loaded from files.
pub mod image {
    use super::*;
    actions! {
        /// See them.
        Read = "image.read" on ProjectScope, Some(Right::ImageRead);
        /// Load one.
        Load = "image.load" on ProjectScope, Some(Right::ImageManage);
        /// Delete one.
        Delete = "image.delete" on ProjectScope, Some(Right::ImageManage);
    }
}

/// Apps.
pub mod app {
    use super::*;
    actions! {
        /// See those of an environment.
        List = "app.list" on EnvironmentScope, Some(Right::AppRead);
        /// See what a deploy would do.
        Plan = "app.plan" on EnvironmentScope, Some(Right::AppRead);
        /// Make one.
        Create = "app.create" on EnvironmentScope, Some(Right::AppCreate);
        /// See one, with its releases, rollouts, instances and events.
        Read = "app.read" on AppScope, Some(Right::AppRead);
        /// Make a release, go back to one, abort a rollout.
        Deploy = "app.deploy" on AppScope, Some(Right::AppDeploy);
        /// Change the number of instances.
        Scale = "app.scale" on AppScope, Some(Right::AppScale);
        /// Stop, start, restart.
        Operate = "app.operate" on AppScope, Some(Right::AppOperate);
        /// Delete one.
        Delete = "app.delete" on AppScope, Some(Right::AppDelete);
        /// Read logs.
        Logs = "app.logs" on AppScope, Some(Right::AppLogs);
        /// Open a terminal in an instance.
        Terminal = "app.terminal" on AppScope, Some(Right::AppTerminal);
    }
}

/// The one-time ticket of a terminal's WebSocket.
pub mod terminal {
    use super::OpenAction;
    open! {
        /// Redeem a ticket: the ticket itself says who may do what.
        Attach = "terminal.attach";
    }
}
