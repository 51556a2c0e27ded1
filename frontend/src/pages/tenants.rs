//! Tenants of the platform: what they may use and what they use.

use crate::{
    api,
    components::{
        bar::Bar,
        button::{Button, ButtonKind, IconButton},
        card::Card,
        dialog::{Dialog, FormActions},
        empty_state::EmptyState,
        field::{TextField, TextKind},
        form::{Form, name_faults},
        icon::Icon,
        loaded::loaded,
        page::PageHead,
        skeleton::SkeletonRows,
        table::{Column, Table},
        toast::use_toasts,
    },
    i18n::{cores, date, mebibytes, number, t},
    live_pages::use_live_pages,
    pages::quota_form::QuotaDialog,
    session::use_session,
    support::url::use_query_open,
};
use berth_api_types::v1::{
    live::Topic,
    tenants::{CreateTenantBody, TenantView},
};
use berth_domain::right::Right;
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use wasm_bindgen_futures::spawn_local;

/// Tenants of the platform.
#[component]
pub fn TenantsPage() -> impl IntoView {
    let session = use_session();
    let adding = use_query_open("new");
    let quota_of = RwSignal::new(None::<TenantView>);
    let (tenants, more) = use_live_pages(
        || (),
        |(), topic| matches!(topic, Topic::Tenant),
        |(), page| async move { api::tenants::list(&page).await },
    );
    let may = move || session.may_on_platform(Right::TenantManage);
    let actions = move || {
        may().then(|| view! { <Button kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| adding.set(true) id="new-tenant">{t::settings::new_tenant()}</Button> })
    };
    let columns = StoredValue::new(columns(quota_of));
    view! {
        <PageHead title=t::common::tenants() actions=move || view! { {actions} } />
        <Card flush=true>
            {loaded(tenants, || view! { <SkeletonRows rows=3 /> }.into_any(), move |rows: Signal<Vec<TenantView>>| {
                let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
                move || if is_empty.get() {
                    view! { <EmptyState icon=Icon::Tenant title=t::settings::no_tenants() text=t::session::tenant_hint() /> }.into_any()
                } else {
                    view! { <Table caption=t::common::tenants() columns=columns.get_value() rows=rows more=more key=|one| one.id.to_string() /> }.into_any()
                }
            })}
        </Card>
        <Dialog open=adding title=t::settings::new_tenant()>
            <NewTenant open=adding />
        </Dialog>
        <EditQuota of=quota_of on_saved=move |()| tenants.refetch() />
    }
}

fn columns(quota_of: RwSignal<Option<TenantView>>) -> Vec<Column<TenantView>> {
    let mini = |label: &'static str, used: u64, limit: u64, format: fn(u64) -> String| {
        view! { <div class="mini"><Bar label=label used=used limit=limit /><span>{format(used)} " / " {format(limit)}</span></div> }
    };
    vec![
        Column::new("name", t::common::name(), |one: &TenantView| view! { <strong>{one.name.clone()}</strong> }).sorted(|a, b| a.name.cmp(&b.name)),
        Column::new("apps", t::common::apps(), |one: &TenantView| format!("{} / {}", number(one.usage.apps.into()), number(one.quota.apps.into()))).to_end().sorted(|a, b| a.usage.apps.cmp(&b.usage.apps)),
        Column::new("instances", t::common::instances(), |one: &TenantView| format!("{} / {}", number(one.usage.instances.into()), number(one.quota.instances.into()))).to_end().sorted(|a, b| a.usage.instances.cmp(&b.usage.instances)),
        Column::new("cpu", t::common::cpu(), move |one: &TenantView| mini(t::common::cpu(), one.usage.cpu_milli.0, one.quota.cpu_milli.0, cores)).minor().sorted(|a, b| a.usage.cpu_milli.cmp(&b.usage.cpu_milli)),
        Column::new("memory", t::common::memory(), move |one: &TenantView| mini(t::common::memory(), one.usage.memory_mib.0, one.quota.memory_mib.0, mebibytes)).minor().sorted(|a, b| a.usage.memory_mib.cmp(&b.usage.memory_mib)),
        Column::new("created", t::common::created(), |one: &TenantView| view! { <span class="muted">{date(one.created_at)}</span> }).minor().sorted(|a, b| a.created_at.cmp(&b.created_at)),
        Column::new("actions", t::common::actions(), move |one: &TenantView| {
            let edited = one.clone();
            view! {
                <div class="row-actions">
                    <IconButton icon=Icon::Scale label=t::settings::change_quota() on_click=move |_| quota_of.set(Some(edited.clone())) />
                </div>
            }
        })
        .to_end(),
    ]
}

#[component]
fn EditQuota(of: RwSignal<Option<TenantView>>, #[prop(into)] on_saved: Callback<()>) -> impl IntoView {
    move || {
        of.get().map(|tenant| {
            let open = RwSignal::new(true);
            Effect::new(move |_| {
                if !open.get() {
                    of.set(None)
                }
            });
            view! { <QuotaDialog open=open tenant=Signal::stored(tenant) on_saved=on_saved /> }
        })
    }
}

#[component]
fn NewTenant(open: RwSignal<bool>) -> impl IntoView {
    let (session, toasts, navigate) = (use_session(), use_toasts(), use_navigate());
    let name = RwSignal::new(String::new());
    let form = Form::new();
    let check = move || name.with(|name| name_faults(name));
    form.check_typed(check);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = CreateTenantBody { name: name.get_untracked().trim().to_owned(), quota: None };
        let faults = untrack(check);
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let navigate = navigate.clone();
        form.send(async move { api::tenants::create(&body).await }, move |made| {
            open.set(false);
            toasts.done(t::settings::tenant_made(&made.name));
            spawn_local(async move {
                session.load().await;
                navigate(&format!("/welcome?tenant={}", made.name), NavigateOptions::default());
            });
        });
    };
    view! {
        <form on:submit=submit novalidate=true>
            <TextField label=t::common::name() value=name kind=TextKind::Code hint=t::settings::name_hint() fault=form.fault("name") autofocus=true name="tenant-name" />
            <p class="dialog-text">{t::settings::new_tenant_text()}</p>
            <FormActions form=form open=open action=t::common::create() />
        </form>
    }
}
