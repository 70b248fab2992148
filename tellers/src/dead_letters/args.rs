//! The arguments of `tellers dead-letters`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use runtime::server_url::http_base;
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::remote::args::KeyArgs;

/// Whom to ask, and for what.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,

    #[command(flatten)]
    pub(crate) monitor: MonitorAddress,
}

/// Where the monitor is, and with which key it is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct MonitorAddress {
    /// URL of the monitor, which does it and notes who did; without, the queue itself is used (AMQP_URL or the files of
    /// `tellers dev`), and nothing is noted
    #[arg(long = "monitor-url", visible_alias = "url", env = "MONITOR_URL", value_parser = http_base, global = true)]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List dead letters, the oldest first
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// Most dead letters to list
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print JSON, one dead letter a line
        #[arg(long)]
        json: bool,
    },
    /// Print a dead letter with its payload
    Show {
        /// The dead letter's id, as `list` prints it
        id: String,
    },
    /// Tell what would become of dead letters that are replayed now; nothing is changed
    Preview {
        #[command(flatten)]
        filter: FilterArgs,
        /// Most dead letters to try
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
        /// Print JSON, one dead letter a line
        #[arg(long)]
        json: bool,
    },
    /// Put dead letters on their lanes again, behind the jobs that wait there, and remove the dead letters
    Replay(ActArgs),
    /// Remove dead letters for good
    Discard(ActArgs),
}

/// One dead letter, those that a filter wants, or all.
#[derive(Debug, Clone, Args)]
pub(crate) struct ActArgs {
    /// The dead letter's id, as `list` prints it
    pub(crate) id: Option<String>,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// All dead letters, the oldest first
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,

    /// Do not ask first
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Which dead letters: those that all of this is so of.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize)]
pub(crate) struct FilterArgs {
    /// Dead letters with this cause, to the letter
    #[arg(long)]
    pub(crate) cause: Option<String>,

    /// Dead letters whose cause contains this, in capitals or not
    #[arg(long)]
    pub(crate) cause_contains: Option<String>,

    /// Dead letters of jobs of this kind, such as transfer
    #[arg(long)]
    pub(crate) kind: Option<String>,

    /// Dead letters of this client
    #[arg(long)]
    pub(crate) client: Option<String>,

    /// Dead letters of jobs that name this account
    #[arg(long)]
    pub(crate) account: Option<String>,

    /// Dead letters from this lane
    #[arg(long)]
    pub(crate) lane: Option<u16>,

    /// The dead letter of this job
    #[arg(long)]
    pub(crate) job: Option<String>,

    /// Dead letters given up at this time or later, such as 2026-07-31T12:00:00Z
    #[arg(long)]
    pub(crate) since: Option<Timestamp>,

    /// Dead letters given up at this time or earlier
    #[arg(long)]
    pub(crate) until: Option<Timestamp>,
}

impl FilterArgs {
    pub(crate) fn wants_all(&self) -> bool {
        *self == FilterArgs::default()
    }
}

impl ActArgs {
    /// What is wrong with it, if anything is: nothing is done to all that was not asked for by name.
    fn refusal(&self) -> Option<&'static str> {
        match (&self.id, self.all, self.filter.wants_all()) {
            (None, false, true) => {
                Some("name a dead letter by its id, or say which by a filter such as --cause, or --all")
            }
            (Some(_), _, false) => Some("an id and a filter exclude each other"),
            (_, true, false) => Some("--all and a filter exclude each other"),
            _ => None,
        }
    }
}

impl DeadLettersCommand {
    /// What is wrong with it, if anything is.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match self {
            DeadLettersCommand::Replay(act) | DeadLettersCommand::Discard(act) => act.refusal(),
            _ => None,
        }
    }

    /// What of it the queue itself does not do.
    pub(crate) fn needs_a_monitor(&self) -> Option<&'static str> {
        match self {
            DeadLettersCommand::Preview { .. } => Some("what would become of dead letters"),
            DeadLettersCommand::List { filter, .. } if !filter.wants_all() => Some("a filter"),
            DeadLettersCommand::Replay(act) | DeadLettersCommand::Discard(act) if !act.filter.wants_all() => {
                Some("a filter")
            }
            DeadLettersCommand::Discard(act) if act.all => Some("a discard of all dead letters"),
            _ => None,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  export MONITOR_URL=http://127.0.0.1:5000 API_KEY=...
  tellers dead-letters list --cause-contains 'disk full'
  tellers dead-letters preview --kind transfer --since 2026-07-31T12:00:00Z
  tellers dead-letters replay --cause-contains 'disk full'
  tellers dead-letters discard 3f0c6a2be9d84573

`replay` and `discard` show first what they are about to do, and ask, unless --yes is given.";
