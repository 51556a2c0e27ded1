//! The form for a tenant's quota.

use crate::{
    api,
    components::{
        dialog::{Dialog, FormActions},
        field::NumberField,
        form::Form,
        toast::use_toasts,
    },
    i18n::t,
};
use berth_api_types::v1::tenants::TenantView;
use berth_domain::{
    field_error::{FieldCode, FieldError},
    quantity::{Mebibytes, MilliCpu},
    quota::Quota,
};
use leptos::{ev::SubmitEvent, prelude::*};

/// The form for a tenant's quota, in a dialog.
#[component]
pub fn QuotaDialog(
    open: RwSignal<bool>,
    #[prop(into)] tenant: Signal<TenantView>,
    #[prop(into)] on_saved: Callback<()>,
) -> impl IntoView {
    let title = move || t::settings::quota_title(tenant.with(|tenant| tenant.name.clone()));
    view! {
        <Dialog open=open title=Signal::derive(title)>
            <QuotaForm open=open tenant=tenant on_saved=on_saved />
        </Dialog>
    }
}

#[component]
fn QuotaForm(open: RwSignal<bool>, tenant: Signal<TenantView>, on_saved: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let now = tenant.with_untracked(|tenant| tenant.quota);
    let cpu = RwSignal::new(Some(now.cpu_milli.0));
    let memory = RwSignal::new(Some(now.memory_mib.0));
    let instances = RwSignal::new(Some(u64::from(now.instances)));
    let apps = RwSignal::new(Some(u64::from(now.apps)));
    let form = Form::new();
    form.check_typed(move || {
        [cpu, memory, instances, apps].iter().for_each(|field| field.track());
        Vec::new()
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let mut faults = Vec::new();
        let mut need = |field: &str, value: RwSignal<Option<u64>>| {
            value.get_untracked().unwrap_or_else(|| {
                faults.push(FieldError::new(field, FieldCode::Required, ""));
                0
            })
        };
        let quota = Quota {
            cpu_milli: MilliCpu(need("cpu_milli", cpu)),
            memory_mib: Mebibytes(need("memory_mib", memory)),
            instances: u32::try_from(need("instances", instances)).unwrap_or(u32::MAX),
            apps: u32::try_from(need("apps", apps)).unwrap_or(u32::MAX),
        };
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let name = tenant.with_untracked(|tenant| tenant.name.clone());
        form.send(async move { api::tenants::set_quota(&name, &quota).await }, move |_| {
            open.set(false);
            toasts.done(t::common::saved());
            on_saved.run(());
        });
    };
    view! {
        <form on:submit=submit novalidate=true>
            <p class="dialog-text">{t::settings::quota_text()}</p>
            <div class="form-row">
                <NumberField label=t::common::cpu() unit="m" hint=t::settings::milli_hint() step=500 value=cpu fault=form.fault("cpu_milli") />
                <NumberField label=t::common::memory() unit="MiB" step=512 value=memory fault=form.fault("memory_mib") />
                <NumberField label=t::common::instances() value=instances fault=form.fault("instances") />
                <NumberField label=t::common::apps() value=apps fault=form.fault("apps") />
            </div>
            <FormActions form=form open=open action=t::common::save() />
        </form>
    }
}
