//! Icons: our own strokes on a 24 px grid.

use leptos::prelude::*;

/// An icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Icon {
    Overview,
    App,
    Activity,
    Node,
    Settings,
    Tenant,
    People,
    Key,
    Image,
    Shield,
    Plus,
    Minus,
    Check,
    Close,
    Down,
    Up,
    Left,
    Right,
    Search,
    Language,
    Sun,
    Moon,
    Screen,
    Menu,
    More,
    Copy,
    External,
    Trash,
    Edit,
    Play,
    Stop,
    Pause,
    Restart,
    Undo,
    Scale,
    Terminal,
    Log,
    Release,
    Warning,
    Info,
    Error,
    Success,
    Upload,
    Download,
    SignOut,
    Keyboard,
    Filter,
    Eye,
    Lock,
    Rocket,
    Clock,
    Return,
    Link,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "M4 4h6.5v7H4zM13.500 4H20v4h-6.500zM13.500 11H20v9h-6.500zM4 14h6.500v6H4z",
            Self::App => {
                "M12 3.200l7.500 4.200v9.200L12 20.800l-7.500-4.200V7.400zM4.700 7.500L12 11.600l7.300-4.100M12 11.600v9"
            }
            Self::Activity => "M3 12.500h4l2.800-7 4.400 14 2.800-7h4",
            Self::Node => {
                "M5 4.500h14a1 1 0 011 1v4a1 1 0 01-1 1H5a1 1 0 01-1-1v-4a1 1 0 011-1zM5 13.500h14a1 1 0 011 1v4a1 1 0 01-1 1H5a1 1 0 01-1-1v-4a1 1 0 011-1zM7.800 7.500h.01M7.800 16.500h.01"
            }
            Self::Settings => {
                "M4 7.500h9M17 7.500h3M4 16.500h3M11 16.500h9M15 5.500a2 2 0 100 4 2 2 0 000-4zM9 14.500a2 2 0 100 4 2 2 0 000-4z"
            }
            Self::Tenant => "M4.500 20V8.500L12 4l7.500 4.500V20zM9.500 20v-5.500h5V20",
            Self::People => {
                "M9 11a3.500 3.500 0 100-7 3.500 3.500 0 000 7zM2.800 20a6.200 6.200 0 0112.400 0M16 4.600a3.500 3.500 0 010 6M18 14.600a6 6 0 013.200 5.400"
            }
            Self::Key => {
                "M8.500 19a3.800 3.800 0 100-7.600 3.800 3.800 0 000 7.600zM11.200 12.500L19 4.700M15.500 8.200l2.800 2.800"
            }
            Self::Image => "M5 4.500h14v15H5zM5 15.500l4-3.500 3 2.500 3.500-4.500 3.500 4M9 9.200h.01",
            Self::Shield => "M12 3.500l7 2.800v5c0 4.600-3 7.800-7 9.200-4-1.400-7-4.600-7-9.200v-5z",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Minus => "M5 12h14",
            Self::Check => "M5 12.500l4.500 4.500L19 7.500",
            Self::Close => "M6 6l12 12M18 6L6 18",
            Self::Down => "M7 10l5 5 5-5",
            Self::Up => "M7 14l5-5 5 5",
            Self::Left => "M14 7l-5 5 5 5",
            Self::Right => "M10 7l5 5-5 5",
            Self::Search => "M11 17.500a6.500 6.500 0 100-13 6.500 6.500 0 000 13zM20 20l-4.300-4.300",
            Self::Language => {
                "M3.500 6.500h9M8 4.500v2c0 4-2 6.800-4.500 8.500M5 10c1.200 2.600 3.300 4.200 6 5M12.500 20l4.200-10 4.200 10M14 16.800h5.500"
            }
            Self::Sun => {
                "M12 16.500a4.500 4.500 0 100-9 4.500 4.500 0 000 9zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400"
            }
            Self::Moon => "M19.500 14.200A8 8 0 019.800 4.500a8 8 0 109.700 9.700z",
            Self::Screen => "M4 5h16v11H4zM9 20h6M12 16v4",
            Self::Menu => "M4 6.500h16M4 12h16M4 17.500h16",
            Self::More => {
                "M6 11.250a.75.75 0 100 1.500.75.75 0 000-1.500zM12 11.250a.75.75 0 100 1.500.75.75 0 000-1.500zM18 11.250a.75.75 0 100 1.500.75.75 0 000-1.500z"
            }
            Self::Copy => "M9 8.500h10v11.500H9zM15 8.500V4.500H5V16h4",
            Self::External => "M13.500 5H19v5.500M19 5l-8.500 8.500M17 14v5H5V7h5",
            Self::Trash => "M4.500 7h15M9.500 7V4.500h5V7M6.500 7l.8 13h9.400l.8-13M10.300 11v5.500M13.700 11v5.500",
            Self::Edit => {
                "M4.500 19.500l.8-4L15.800 5a1.600 1.600 0 012.300 0l.9.9a1.600 1.600 0 010 2.300L8.500 18.700zM14 6.800l3.200 3.200"
            }
            Self::Play => "M8 5.500l10.500 6.500L8 18.500z",
            Self::Stop => "M7 7h10v10H7z",
            Self::Pause => "M9 6v12M15 6v12",
            Self::Restart => "M19.500 12a7.500 7.500 0 11-2.300-5.400M19.500 4v4.200h-4.200",
            Self::Undo => "M8.500 5L4.500 9l4 4M5 9h9a5 5 0 010 10h-3",
            Self::Scale => "M12 4v16M8 8l4-4 4 4M8 16l4 4 4-4",
            Self::Terminal => "M4 5h16v14H4zM7.500 9.500l3 2.500-3 2.500M12.500 15h4",
            Self::Log => "M4.500 6.500h15M4.500 11h15M4.500 15.500h9",
            Self::Release => "M4 12l8-8h7.500v7.500l-8 8zM15.700 8.300h.01",
            Self::Warning => "M12 4.500l8.800 15.200H3.200zM12 10v4.500M12 17.200h.01",
            Self::Info => "M12 20.500a8.500 8.500 0 100-17 8.500 8.500 0 000 17zM12 11.500v5M12 8h.01",
            Self::Error => "M12 20.500a8.500 8.500 0 100-17 8.500 8.500 0 000 17zM12 7.500v5.500M12 16.200h.01",
            Self::Success => "M12 20.500a8.500 8.500 0 100-17 8.500 8.500 0 000 17zM8.300 12.300l2.500 2.500 5-5.300",
            Self::Upload => "M12 15.500V5M7.500 9L12 4.500 16.500 9M4.500 15v4.500h15V15",
            Self::Download => "M12 4.500V15M7.500 11l4.500 4.500 4.500-4.500M4.500 15v4.500h15V15",
            Self::SignOut => "M10 5H5v14h5M14.500 8l4 4-4 4M9.500 12h9",
            Self::Keyboard => {
                "M3.500 6.500h17v11h-17zM7 10.200h.01M10.300 10.200h.01M13.700 10.200h.01M17 10.200h.01M8.500 14h7"
            }
            Self::Filter => "M4 6.500h16M7 12h10M10.500 17.500h3",
            Self::Eye => {
                "M2.800 12S6 6 12 6s9.200 6 9.200 6S18 18 12 18s-9.200-6-9.200-6zM12 14.500a2.500 2.500 0 100-5 2.500 2.500 0 000 5z"
            }
            Self::Lock => "M6 10.500h12V20H6zM8.500 10.500V8a3.500 3.500 0 017 0v2.500M12 14.500v2",
            Self::Rocket => {
                "M12 15.500l-3.500-3.500c1-4.500 4-7.700 10.500-8-.3 6.500-3.500 9.500-8 10.500zM8.500 12H5l2-3.500h3M12 15.500V19l3.500-2v-3M6 16l-1.500 3.500L8 18M14.500 9.500h.01"
            }
            Self::Clock => "M12 20.500a8.500 8.500 0 100-17 8.500 8.500 0 000 17zM12 7.500V12l3 2",
            Self::Return => "M9 9l-4.500 4.500L9 18M4.500 13.500H15a4 4 0 004-4V6",
            Self::Link => {
                "M10 14a4 4 0 006 .4l2.500-2.500a4 4 0 00-5.700-5.700L11.500 7.500M14 10a4 4 0 00-6-.4l-2.500 2.500a4 4 0 005.700 5.700l1.300-1.300"
            }
        }
    }
}

/// Draws an icon. It is decoration: what it means is said by the text or label beside it.
#[component]
pub fn Svg(
    /// Which.
    icon: Icon,
    /// Width and height in px.
    #[prop(default = 16)]
    size: u32,
) -> impl IntoView {
    view! {
        <svg class="svg" width=size height=size viewBox="0 0 24 24" aria-hidden="true">
            <path d=icon.path() />
        </svg>
    }
}

/// The mark of the product: two containers on a ship.
#[component]
pub fn Logo(
    /// Width and height in px.
    #[prop(default = 22)]
    size: u32,
) -> impl IntoView {
    view! {
        <svg width=size height=size viewBox="0 0 24 24" aria-hidden="true">
            <rect x="2" y="3" width="9" height="8" rx="1.6" fill="var(--accent)"></rect>
            <rect x="13" y="3" width="9" height="8" rx="1.6" fill="var(--accent)" opacity=".45"></rect>
            <path d="M2 15h20l-2.200 4.400A3 3 0 0117.100 21H6.900a3 3 0 01-2.700-1.600z" fill="var(--text)"></path>
        </svg>
    }
}
