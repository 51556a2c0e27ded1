//! Who hears of what. A change is told by names, so that a stream must not speak of an app whose reader may not see it:
//! being a member of one project, or running the platform, shows no other app's name.

use super::error::Error;
use crate::{
    authz::{action::tenant::Live, permit::Permit},
    store::{
        ReadTx, Store,
        nudge::Topic,
        sight::{Place, list_places},
    },
};
use berth_domain::right::{Right, Role};

/// What a reader of a stream may hear of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sight {
    /// No app of the tenant.
    #[default]
    NoApp,
    /// Apps at these places.
    AppsAt(Vec<Place>),
    /// Whatever the stream carries, as on the platform's.
    All,
}

impl Sight {
    /// Whether the reader may hear of it.
    pub fn covers(&self, topic: &Topic) -> bool {
        let Topic::App { project, environment, .. } = topic else { return true };
        let at = |place: &Place| {
            place.project.as_ref().is_none_or(|name| name == project)
                && place.environment.as_ref().is_none_or(|name| name == environment)
        };
        match self {
            Self::NoApp => false,
            Self::AppsAt(places) => places.iter().any(at),
            Self::All => true,
        }
    }
}

/// What the caller may hear of in the permit's tenant, as roles are bound now.
pub async fn sight(store: &Store, permit: &Permit<Live>) -> Result<Sight, Error> {
    let roles: Vec<_> = Role::ALL.into_iter().filter(|role| role.rights().contains(&Right::AppRead)).collect();
    let mut tx = ReadTx::begin(store, permit).await?;
    Ok(Sight::AppsAt(list_places(tx.conn(), permit.scope().tenant.id, permit.actor().user, &roles).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_speaks_only_of_apps_that_its_reader_may_see() {
        let app = |project: &str, environment: &str| Topic::App {
            project: project.into(),
            environment: environment.into(),
            app: "web".into(),
        };
        let place = |project: Option<&str>, environment: Option<&str>| Place {
            project: project.map(str::to_owned),
            environment: environment.map(str::to_owned),
        };
        let dev = Sight::AppsAt(vec![place(Some("shop"), Some("dev"))]);
        assert!(dev.covers(&app("shop", "dev")) && dev.covers(&Topic::Everything));
        assert!(!dev.covers(&app("shop", "production")) && !dev.covers(&app("bank", "dev")));
        assert!(Sight::AppsAt(vec![place(Some("shop"), None)]).covers(&app("shop", "production")));
        assert!(Sight::AppsAt(vec![place(None, None)]).covers(&app("bank", "dev")));
        assert!(!Sight::NoApp.covers(&app("shop", "dev")));
    }
}
