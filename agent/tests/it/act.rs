//! What the containers of these tests do: commands of busybox, which the engine in memory understands too.

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Answers 200 on `/ok` on [`PORT`], for ever.
    Serve,
    /// The same, but not from the second second to the third.
    ServeWithGap,
    /// Ends with code 3.
    Fail,
    /// Prints a line to each of its outputs and waits.
    Print,
    /// Waits for ever and minds no signal.
    Wait,
    /// Takes memory until there is none.
    Hog,
    /// Is no command.
    Nonsense,
}

/// Where they serve.
pub const PORT: u16 = 8080;

const ALL: [Act; 7] = [Act::Serve, Act::ServeWithGap, Act::Fail, Act::Print, Act::Wait, Act::Hog, Act::Nonsense];

impl Act {
    /// As argv.
    pub fn argv(self) -> Vec<String> {
        let script = match self {
            Self::Nonsense => return vec!["/bin/no-such-command".to_owned()],
            Self::Serve => "mkdir /w; touch /w/ok; exec httpd -f -p 8080 -h /w",
            Self::ServeWithGap => {
                "mkdir /w; touch /w/ok; httpd -p 8080 -h /w; sleep 1; rm /w/ok; sleep 1; touch /w/ok; exec sleep 600"
            }
            Self::Fail => "exit 3",
            Self::Print => "echo to stdout; echo to stderr >&2; exec sleep 600",
            Self::Wait => "trap '' TERM; while true; do sleep 1; done",
            Self::Hog => "a=x; while true; do a=$a$a; done",
        };
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    /// What an argv does.
    pub fn of(argv: &[String]) -> Self {
        ALL.into_iter().find(|act| act.argv() == argv).expect("a command of these tests")
    }
}
