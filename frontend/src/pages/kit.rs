//! Every component in every state. What looks wrong here looks wrong everywhere.

use crate::{
    api::error::ApiError,
    components::{
        bar::Meter,
        button::{Button, ButtonKind, IconButton, LinkButton},
        card::{Card, Stat},
        copy::{CodeBlock, CopyButton},
        dialog::{ConfirmDialog, Dialog, DialogActions},
        empty_state::EmptyState,
        error_state::{ErrorLine, ErrorState},
        field::{NumberField, SelectField, TextAreaField, TextField, TextKind},
        icon::{Icon, Svg},
        key_value::{Fact, Facts},
        menu::{Menu, MenuGroup, MenuItem},
        note::Note,
        page::PageHead,
        pill::{Pill, Tag, Tone},
        segment::Segment,
        skeleton::{SkeletonLines, SkeletonRows},
        state,
        switch::Switch,
        table::{Column, Table},
        time_ago::TimeAgo,
        toast::use_toasts,
        virtual_list::VirtualList,
    },
    i18n::{Text, cores, mebibytes, number, t},
    support::clock::now_ms,
};
use berth_api_types::error::{Problem, ProblemCode};
use berth_domain::{
    lifecycle::{AppState, InstancePhase, RolloutPhase},
    node::{NodeAvailability, NodeState},
};
use chrono::DateTime;
use leptos::prelude::*;

const COLOURS: [&str; 17] = [
    "bg",
    "surface",
    "sunken",
    "hover",
    "press",
    "line",
    "line-strong",
    "text",
    "text-2",
    "text-3",
    "accent",
    "accent-soft",
    "ok",
    "warn",
    "bad",
    "busy",
    "bad-fill",
];
const LONG_LIST: usize = 20_000;

/// The kit.
#[component]
pub fn KitPage() -> impl IntoView {
    view! {
        <PageHead title=t::kit::title() sub=move || view! { <span>{t::kit::text()}</span> } />
        <div class="kit">
            <Part title=t::kit::colours()>
                <div class="kit-grid">
                    {COLOURS.map(|name| view! { <div class="swatch"><i style:background=format!("var(--{name})")></i><code>{name}</code></div> }).collect_view()}
                </div>
            </Part>
            <Part title=t::kit::typefaces()>
                {["--f4", "--f3", "--f2", "--f1", "--f0"].map(|size| view! { <p style:font-size=format!("var({size})")>{t::kit::sample()} " Aa 0123456789 " <code>"sha256:9f2c"</code></p> }).collect_view()}
            </Part>
            <Part title=t::kit::buttons()><Buttons /></Part>
            <Part title=t::kit::states()><States /></Part>
            <Part title=t::kit::fields()><Fields /></Part>
            <Part title=t::kit::notes()><Notes /></Part>
            <Part title=t::kit::cards()><Cards /></Part>
            <Part title=t::kit::tables()><Tables /></Part>
            <Part title=t::kit::lists()><Lists /></Part>
            <Part title=t::kit::overlays()><Overlays /></Part>
            <Part title=t::kit::nothing()><Nothing /></Part>
            <Part title=t::kit::icons()><Icons /></Part>
        </div>
    }
}

#[component]
fn Part(title: &'static str, children: Children) -> impl IntoView {
    view! { <section class="kit-part"><h2>{title}</h2>{children()}</section> }
}

#[component]
fn Buttons() -> impl IntoView {
    let kinds = [ButtonKind::Plain, ButtonKind::Main, ButtonKind::Quiet, ButtonKind::Danger];
    let row = |small: bool| {
        kinds
            .map(|kind| {
                view! {
                    <Button kind=kind small=small>{t::common::save()}</Button>
                    <Button kind=kind small=small icon=Icon::Plus>{t::common::add()}</Button>
                    <Button kind=kind small=small disabled=true>{t::common::save()}</Button>
                    <Button kind=kind small=small busy=true>{t::common::save()}</Button>
                }
            })
            .collect_view()
    };
    view! {
        <div class="kit-row">{row(false)}</div>
        <div class="kit-row">{row(true)}</div>
        <div class="kit-row">
            <LinkButton href="/kit">{t::kit::title()}</LinkButton>
            <LinkButton href="https://example.com" external=true icon=Icon::External>"example.com"</LinkButton>
            <IconButton icon=Icon::Settings label=t::common::settings() />
            <IconButton icon=Icon::Eye label=t::common::show_password() pressed=true />
            <IconButton icon=Icon::Trash label=t::common::delete() disabled=true />
            <CopyButton text="berth" />
            <CopyButton text="berth" label=t::common::copy() />
            <kbd>"⌘"</kbd><kbd>"K"</kbd>
        </div>
    }
}

#[component]
fn States() -> impl IntoView {
    let pill = |(tone, word): (Tone, &'static str)| view! { <Pill tone=tone text=word /> };
    let apps = [
        AppState::Healthy,
        AppState::RollingOut,
        AppState::RollingBack,
        AppState::Degraded,
        AppState::Down,
        AppState::Stopped,
    ];
    let nodes = [NodeState::Ready, NodeState::Suspect, NodeState::DockerDown, NodeState::Lost];
    view! {
        <div class="kit-row">{apps.map(|one| pill(state::app_state(one))).collect_view()} <Pill tone=Tone::Busy text=state::app_state_text(AppState::RollingOut, 3, 5) /></div>
        <div class="kit-row">{InstancePhase::ALL.map(|one| pill(state::instance_phase(one))).collect_view()}</div>
        <div class="kit-row">{RolloutPhase::ALL.map(|one| pill(state::rollout_phase(one))).collect_view()}</div>
        <div class="kit-row">
            {nodes.map(|one| pill(state::node_state(one, NodeAvailability::Active))).collect_view()}
            {pill(state::node_state(NodeState::Ready, NodeAvailability::Cordoned))}
            {pill(state::node_state(NodeState::Ready, NodeAvailability::Drained))}
            <Tag text="disk=ssd" /> <Tag text="production" accent=true />
        </div>
    }
}

#[component]
fn Fields() -> impl IntoView {
    let text = RwSignal::new("web".to_owned());
    let long = RwSignal::new(String::new());
    let secret = RwSignal::new("correct horse battery".to_owned());
    let count = RwSignal::new(Some(3u64));
    let choice = RwSignal::new("b".to_owned());
    let part = RwSignal::new(1u8);
    let on = RwSignal::new(true);
    let off = RwSignal::new(false);
    let wrong = Signal::derive(|| Some(t::kit::wrong().to_owned()));
    let options = vec![("a".to_owned(), "dev".to_owned()), ("b".to_owned(), "production".to_owned())];
    let parts: Vec<(u8, Text)> =
        vec![(1, t::common::all().into()), (2, t::activity::warnings().into()), (3, t::activity::failures().into())];
    view! {
        <div class="kit-grid">
            <TextField label=t::common::name() value=text hint=t::kit::sample() />
            <TextField label=t::common::name() value=text kind=TextKind::Code fault=wrong />
            <TextField label=t::common::name() value=text disabled=true optional=true />
            <TextField label=t::session::password() value=secret kind=TextKind::NewPassword />
            <NumberField label=t::common::instances() value=count max=9 />
            <NumberField label=t::common::memory() value=count unit="MiB" fault=wrong />
            <SelectField label=t::common::environment() options=options value=choice />
            <TextAreaField label=t::nodes::labels() value=long placeholder=t::kit::sample() />
            <div>
                <Segment label=t::activity::severity() options=parts value=part on_change=move |value| part.set(value) />
                <div class="stack">
                    <Switch label=t::common::live() value=on hint=t::kit::sample() />
                    <Switch label=t::common::live() value=off />
                    <Switch label=t::common::live() value=on disabled=true />
                </div>
            </div>
        </div>
        <ErrorLine error=Signal::derive(|| Some(problem(ProblemCode::ImageNotFound))) />
    }
}

#[component]
fn Notes() -> impl IntoView {
    [Tone::Bad, Tone::Warn, Tone::Ok, Tone::Busy, Tone::Idle]
        .map(|tone| {
            view! {
                <Note tone=tone title=t::kit::sample() actions=move || view! { <Button small=true>{t::overview::look()}</Button> }>
                    {t::kit::sample()}
                </Note>
            }
        })
        .collect_view()
}

#[component]
fn Cards() -> impl IntoView {
    let now = DateTime::from_timestamp_millis(now_ms() as i64 - 130_000).unwrap_or_default();
    view! {
        <div class="grid grid-4">
            <Stat label=t::common::cpu() value="1.9" unit="/ 4">" "</Stat>
            <Stat label=t::common::memory() value="2.1 GiB" unit="/ 8 GiB">" "</Stat>
            <Card title=t::common::nodes() note=number(3) actions=move || view! { <Button small=true>{t::common::edit()}</Button> }>{t::kit::sample()}</Card>
            <Card><Meter label=t::common::cpu() used=1900u64 limit=4000u64 planned=500u64 format=cores /><Meter label=t::common::memory() used=7000u64 limit=8000u64 format=mebibytes /><Meter label=t::common::memory() used=7000u64 limit=8000u64 planned=2000u64 format=mebibytes /></Card>
        </div>
        <div style:margin-top="16px">
            <Card>
                <Facts>
                    <Fact label=t::nodes::os()>"Debian 12"</Fact>
                    <Fact label=t::nodes::kernel()>"6.1"</Fact>
                    <Fact label=t::nodes::last_seen()><TimeAgo at=now /></Fact>
                </Facts>
                <div style:margin-top="16px"><CodeBlock text="berth-agent --server https://berth.example:7801 --join-token berth_join_…" /></div>
            </Card>
        </div>
    }
}

#[component]
fn Tables() -> impl IntoView {
    let rows = |count: usize| (1..=count).collect::<Vec<_>>();
    let columns = || {
        vec![
            Column::new("name", t::common::name(), |row: &usize| view! { <a href="/kit">{t::kit::row(row)}</a> })
                .sorted(|a, b| a.cmp(b)),
            Column::new("state", t::common::state(), |row: &usize| {
                let (tone, word) = state::instance_phase(InstancePhase::ALL[row % InstancePhase::ALL.len()]);
                view! { <Pill tone=tone text=word /> }
            }),
            Column::new("cpu", t::common::cpu(), |row: &usize| number((row * 7919 % 4000) as u64))
                .to_end()
                .sorted(|a, b| (a * 7919 % 4000).cmp(&(b * 7919 % 4000))),
        ]
    };
    view! {
        <Card title=t::kit::rows(number(3)) flush=true><Table caption=t::kit::tables() columns=columns() rows=rows(3) key=|row| row.to_string() /></Card>
        <Card title=t::kit::rows(number(LONG_LIST as u64)) flush=true><Table caption=t::kit::tables() columns=columns() rows=rows(LONG_LIST) key=|row| row.to_string() /></Card>
    }
}

#[component]
fn Lists() -> impl IntoView {
    let row = Callback::new(|index: usize| {
        view! { <div class="mono" style:height="24px" style:padding="2px 16px">{t::kit::row(index + 1)}</div> }
            .into_any()
    });
    view! {
        <Card title=t::kit::rows(number(1_000_000)) flush=true>
            <div style:height="260px" style:display="grid"><VirtualList label=t::kit::lists() count=1_000_000usize row_px=24 row=row /></div>
        </Card>
    }
}

#[component]
fn Overlays() -> impl IntoView {
    let (open, confirm, toasts) = (RwSignal::new(false), RwSignal::new(false), use_toasts());
    let groups = Signal::derive(move || {
        vec![
            MenuGroup {
                heading: Some(t::common::actions().into()),
                items: vec![
                    MenuItem::link(t::common::apps(), "/kit").icon(Icon::App),
                    MenuItem::run(t::common::edit(), || ()).icon(Icon::Edit).chosen(true),
                ],
            },
            vec![MenuItem::run(t::common::delete(), || ()).icon(Icon::Trash).danger()].into(),
        ]
    });
    view! {
        <div class="kit-row">
            <Button on_click=move |_| open.set(true)>{t::kit::open_dialog()}</Button>
            <Button kind=ButtonKind::Danger on_click=move |_| confirm.set(true)>{t::kit::open_confirm()}</Button>
            <Button on_click=move |_| toasts.done_with_undo(t::common::saved(), || ())>{t::kit::show_toast()}</Button>
            <Button on_click=move |_| toasts.failed(&problem(ProblemCode::Internal))>{t::kit::show_toast()}</Button>
            <Menu label=t::common::actions() groups=groups named_by_content=true>{t::common::actions()} <Svg icon=Icon::Down size=14 /></Menu>
        </div>
        <Dialog open=open title=t::kit::open_dialog()>
            <p class="dialog-text">{t::kit::sample()}</p>
            <DialogActions><Button kind=ButtonKind::Main on_click=move |_| open.set(false)>{t::common::done()}</Button></DialogActions>
        </Dialog>
        <ConfirmDialog open=confirm title=t::settings::delete_title("web") text=t::kit::sample() action=t::common::delete() name="web" on_confirm=move |()| confirm.set(false) />
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <div class="kit-grid">
            <Card flush=true><EmptyState icon=Icon::App title=t::kit::sample() text=t::kit::sample()><Button kind=ButtonKind::Main icon=Icon::Plus>{t::common::add()}</Button></EmptyState></Card>
            <Card flush=true><ErrorState error=problem(ProblemCode::Unavailable) retry=move |()| () /></Card>
            <Card flush=true><ErrorState error=problem(ProblemCode::Forbidden) /></Card>
            <Card flush=true><ErrorState error=ApiError::Unreachable retry=move |()| () /></Card>
            <Card><SkeletonLines lines=5 /></Card>
            <Card flush=true><SkeletonRows rows=4 /></Card>
        </div>
    }
}

#[component]
fn Icons() -> impl IntoView {
    use Icon as I;
    let all = [
        I::Overview,
        I::App,
        I::Activity,
        I::Node,
        I::Settings,
        I::Tenant,
        I::People,
        I::Key,
        I::Image,
        I::Shield,
        I::Plus,
        I::Minus,
        I::Check,
        I::Close,
        I::Down,
        I::Up,
        I::Left,
        I::Right,
        I::Search,
        I::Language,
        I::Sun,
        I::Moon,
        I::Screen,
        I::Menu,
        I::More,
        I::Copy,
        I::External,
        I::Trash,
        I::Edit,
        I::Play,
        I::Stop,
        I::Pause,
        I::Restart,
        I::Undo,
        I::Scale,
        I::Terminal,
        I::Log,
        I::Release,
        I::Warning,
        I::Info,
        I::Error,
        I::Success,
        I::Upload,
        I::Download,
        I::SignOut,
        I::Keyboard,
        I::Filter,
        I::Eye,
        I::Lock,
        I::Rocket,
        I::Clock,
        I::Return,
        I::Link,
    ];
    view! { <div class="icons">{all.map(|icon| view! { <span title=format!("{icon:?}")><Svg icon=icon size=18 /></span> }).collect_view()}</div> }
}

/// A problem as the server would send it.
fn problem(code: ProblemCode) -> ApiError {
    ApiError::Problem(Box::new(Problem {
        kind: String::new(),
        title: code.title().to_owned(),
        status: code.status(),
        code,
        detail: code.title().to_owned(),
        request_id: "req_0192f0c1a2b37c4d8e5f60718293a4b5".to_owned(),
        errors: Vec::new(),
        quota: Vec::new(),
        missing_right: (code == ProblemCode::Forbidden).then(|| "app.deploy".to_owned()),
    }))
}
